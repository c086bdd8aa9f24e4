//! The CEL rules of `x-kubernetes-validations`, run at the node that carries them.
//!
//! Only rules over `self`: no rule of this crate compares with an older object.

use std::collections::HashMap;

use cel::objects::Key;
use cel::{Context, Value as CelValue};
use serde_json::Value;

use super::{Findings, Node, Path, Violation};

/// Runs every rule of `schema` and of what is below it.
pub(super) fn check(schema: &Node, object: &Value, findings: &mut Findings) {
    let context = Context::default();
    check_node(
        schema,
        object,
        &Path::Root,
        &mut Run {
            context: &context,
            findings,
        },
    );
}

struct Run<'a> {
    context: &'a Context<'a, 'a>,
    findings: &'a mut Findings,
}

fn check_node(schema: &Node, value: &Value, path: &Path<'_>, run: &mut Run<'_>) {
    if !schema.rules.is_empty() {
        run_rules(schema, value, path, run);
    }
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                if let Some(schema) = schema.properties.get(name).or(schema.additional.as_deref()) {
                    check_node(schema, value, &path.field(name), run);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    check_node(schema, item, &path.item(index), run);
                }
            }
        }
        _ => {}
    }
}

fn run_rules(schema: &Node, value: &Value, path: &Path<'_>, run: &mut Run<'_>) {
    let mut scope = run.context.new_inner_scope();
    scope.add_variable_from_value("self", to_cel(value));
    for rule in &schema.rules {
        match rule.program.execute(&scope) {
            Ok(CelValue::Bool(true)) => {}
            Ok(_) => run
                .findings
                .violation(Violation::new(path, rule.message.clone())),
            Err(error) => {
                let message = format!("{} (the rule cannot be evaluated: {error})", rule.message);
                run.findings.violation(Violation::new(path, message));
            }
        }
    }
}

/// Integers become CEL ints, as they do in an API server; `cel`'s own conversion makes uints.
fn to_cel(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(flag) => CelValue::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => CelValue::Int(int),
            (None, Some(uint)) => CelValue::UInt(uint),
            (None, None) => CelValue::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| (Key::from(name.as_str()), to_cel(value)))
            .collect::<HashMap<_, _>>()
            .into(),
    }
}
