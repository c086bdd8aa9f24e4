//! Which expressions are understood, and of which type they are: what runs for each call must be
//! small, free of effects, and known to give a number.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators as op};

/// Names that an expression may read, each of one type.
pub(crate) const VARIABLES: [(&str, Type); 9] = [
    ("model", Type::String),
    ("backend", Type::String),
    ("route_name", Type::String),
    ("input_tokens", Type::Uint),
    ("cached_input_tokens", Type::Uint),
    ("cache_creation_input_tokens", Type::Uint),
    ("output_tokens", Type::Uint),
    ("reasoning_tokens", Type::Uint),
    ("total_tokens", Type::Uint),
];

/// Nodes of an expression: each is evaluated at most once for each call and corner.
const NODES_MAX: usize = 256;

/// The type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Uint,
    Int,
    Double,
    Bool,
    String,
}

/// The type of `expression`; `Err` says what is not understood.
pub(crate) fn type_of(expression: &IdedExpr) -> Result<Type, String> {
    let mut checker = Checker { nodes: 0 };
    checker.type_of(expression)
}

struct Checker {
    nodes: usize,
}

// === impl Checker ===

impl Checker {
    fn type_of(&mut self, expression: &IdedExpr) -> Result<Type, String> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(format!("it has more than {NODES_MAX} parts"));
        }
        match &expression.expr {
            Expr::Literal(literal) => literal_type(literal),
            Expr::Ident(name) => VARIABLES
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, r#type)| *r#type)
                .ok_or_else(|| {
                    let known = VARIABLES.map(|(known, _)| known).join(", ");
                    format!("{name:?} is not known; there are {known}")
                }),
            Expr::Call(call) => self.call(call),
            Expr::List(_) => Err("a list stands only to the right of `in`".to_string()),
            Expr::Select(select) => Err(format!("{:?}: no variable has fields", select.field)),
            Expr::Comprehension(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("maps, messages and loops are not understood".to_string())
            }
        }
    }

    fn call(&mut self, call: &CallExpr) -> Result<Type, String> {
        let name = call.func_name.as_str();
        if let (op::IN, [item, list]) = (name, call.args.as_slice()) {
            return self.membership(item, list);
        }
        let types = call
            .target
            .iter()
            .map(AsRef::as_ref)
            .chain(&call.args)
            .map(|part| self.type_of(part))
            .collect::<Result<Vec<_>, _>>()?;
        let is_method = call.target.is_some();
        result_type(name, is_method, &types).ok_or_else(|| {
            let types: Vec<&str> = types.iter().map(|r#type| r#type.name()).collect();
            format!("{} does not take {}", shown(name), types.join(" and "))
        })
    }

    /// `model in ["a", "b"]`
    fn membership(&mut self, item: &IdedExpr, list: &IdedExpr) -> Result<Type, String> {
        let of = self.type_of(item)?;
        let Expr::List(list) = &list.expr else {
            return Err("`in` needs a list to its right".to_string());
        };
        for element in &list.elements {
            let found = self.type_of(element)?;
            if found != of {
                let (found, of) = (found.name(), of.name());
                return Err(format!("a list of {found} cannot hold {of}"));
            }
        }
        Ok(Type::Bool)
    }
}

// === impl Type ===

impl Type {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Uint => "uint",
            Self::Int => "int",
            Self::Double => "double",
            Self::Bool => "bool",
            Self::String => "string",
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Uint | Self::Int | Self::Double)
    }
}

/// What an operator or function gives for arguments of these types. Numbers are not mixed, as in
/// CEL's own type checker: `2u`, or `uint(…)`, where an unsigned one is wanted.
fn result_type(name: &str, is_method: bool, types: &[Type]) -> Option<Type> {
    match (name, is_method, types) {
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE, false, [a, b])
            if a == b && a.is_number() =>
        {
            Some(*a)
        }
        (op::MODULO, false, [a, b]) if a == b && matches!(a, Type::Uint | Type::Int) => Some(*a),
        (op::NEGATE, false, [a @ (Type::Int | Type::Double)]) => Some(*a),
        (op::LOGICAL_NOT, false, [Type::Bool])
        | (op::LOGICAL_AND | op::LOGICAL_OR, false, [Type::Bool, Type::Bool])
        | ("startsWith" | "endsWith" | "contains", true, [Type::String, Type::String]) => {
            Some(Type::Bool)
        }
        (op::EQUALS | op::NOT_EQUALS, false, [a, b]) if a == b => Some(Type::Bool),
        (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, false, [a, b])
            if a == b && *a != Type::Bool =>
        {
            Some(Type::Bool)
        }
        (op::CONDITIONAL, false, [Type::Bool, a, b]) if a == b => Some(*a),
        ("uint", false, [a]) if a.is_number() => Some(Type::Uint),
        ("int", false, [a]) if a.is_number() => Some(Type::Int),
        ("double", false, [a]) if a.is_number() => Some(Type::Double),
        ("size", _, [Type::String]) => Some(Type::Int),
        _ => None,
    }
}

fn literal_type(literal: &LiteralValue) -> Result<Type, String> {
    match literal {
        LiteralValue::UInt(_) => Ok(Type::Uint),
        LiteralValue::Int(_) => Ok(Type::Int),
        LiteralValue::Double(_) => Ok(Type::Double),
        LiteralValue::Boolean(_) => Ok(Type::Bool),
        LiteralValue::String(_) => Ok(Type::String),
        LiteralValue::Bytes(_) | LiteralValue::Null => {
            Err("bytes and null are not understood".to_string())
        }
    }
}

/// An operator as it is written.
fn shown(name: &str) -> String {
    let operator = name.trim_matches('_');
    if operator == "?_:" {
        return "`? :`".to_string();
    }
    format!("`{operator}`")
}
