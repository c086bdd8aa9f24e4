//! One compiled expression: evaluated for what a call did cost, and for what it may cost.

use std::sync::{Arc, LazyLock};

use cel::{
    Context, Env, Program, Value,
    common::{
        types::{CelString, CelUInt},
        value::CowVal,
    },
    context::VariableResolver,
};

use crate::{
    Counts, Names,
    check::{self, Type},
    syntax,
};

/// An expression that gives a whole number, never below zero for the calls that it was tried on.
#[derive(Debug)]
pub struct Expression {
    program: Program,
    text: String,
}

/// Why an expression has no value for a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// Overflow, division by zero.
    #[error("{0}")]
    Failed(String),
    /// A cost is never negative.
    #[error("the result is {0}, below zero")]
    Negative(i64),
}

/// Token counts on which an expression is tried: nothing, one token, and more than any call has.
const TRIED: [u64; 3] = [0, 1, 100_000_000];

/// No macros (loops), no optionals; nothing in it has an effect.
static ENVIRONMENT: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::default().with_optional_support(false).with_stdlib()));

struct Variables<'a> {
    names: Names<'a>,
    counts: Counts,
}

// === impl Expression ===

impl Expression {
    /// Compiles an expression over the variables of [`Names`] and [`Counts`]: arithmetic,
    /// comparison, `&& || ! ?: in`, `uint int double size`, `startsWith endsWith contains`.
    ///
    /// # Errors
    ///
    /// In words: the text is too long or no CEL, names something that is not known, does not
    /// give a `uint` or `int`, or has no value or one below zero for some token counts.
    pub fn compile(text: &str) -> Result<Self, String> {
        let expression = syntax::apart(text, Self::parse)?;
        expression.try_out()?;
        Ok(expression)
    }

    fn parse(text: String) -> Result<Self, String> {
        let program = ENVIRONMENT
            .compile(&text)
            .map_err(|errors| syntax::no_cel(&errors.to_string()))?;
        match check::type_of(program.expression())? {
            Type::Uint | Type::Int => Ok(Self { program, text }),
            other => {
                let other = other.name();
                Err(format!(
                    "gives a {other}; a cost is a uint, or an int that is never below zero"
                ))
            }
        }
    }

    /// The text that it was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What a call did cost.
    ///
    /// # Errors
    ///
    /// The expression has no value for these counts, or one below zero.
    pub fn evaluate(&self, names: Names<'_>, counts: Counts) -> Result<u64, CostError> {
        let variables = Variables {
            names,
            counts: counts.coherent(),
        };
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(&variables);
        match self.program.execute(&context) {
            Ok(Value::UInt(cost)) => Ok(cost),
            Ok(Value::Int(cost)) => u64::try_from(cost).map_err(|_| CostError::Negative(cost)),
            Ok(other) => Err(CostError::Failed(format!("the result is {other:?}"))),
            Err(error) => Err(CostError::Failed(error.to_string())),
        }
    }

    /// The most that a call of at most so many tokens may cost: the greatest value over
    /// [`Counts::corners`]. Exact for expressions that are linear in the counts, or that only
    /// grow with each of them by itself; one that is greatest somewhere between its corners can
    /// cost more than this.
    ///
    /// # Errors
    ///
    /// The expression has no value at some corner.
    pub fn worst_case(&self, names: Names<'_>, input: u64, output: u64) -> Result<u64, CostError> {
        Counts::corners(input, output).try_fold(0, |worst: u64, corner| {
            Ok(worst.max(self.evaluate(names, corner)?))
        })
    }

    fn try_out(&self) -> Result<(), String> {
        let names = Names {
            model: "model",
            backend: "backend",
            route: "namespace/route",
        };
        for input in TRIED {
            for output in TRIED {
                for counts in Counts::corners(input, output) {
                    self.evaluate(names, counts)
                        .map_err(|error| format!("has no cost for {}: {error}", shown(counts)))?;
                }
            }
        }
        Ok(())
    }
}

// === impl Variables ===

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let text = |text: &'b str| Some(CowVal::owned(CelString::from(text)));
        let count = |count: u64| Some(CowVal::owned(CelUInt::from(count)));
        match variable {
            "model" => text(self.names.model),
            "backend" => text(self.names.backend),
            "route_name" => text(self.names.route),
            "input_tokens" => count(self.counts.input),
            "cached_input_tokens" => count(self.counts.cached_input),
            "cache_creation_input_tokens" => count(self.counts.cache_write),
            "output_tokens" => count(self.counts.output),
            "reasoning_tokens" => count(self.counts.reasoning),
            "total_tokens" => count(self.counts.total()),
            _ => None,
        }
    }
}

fn shown(counts: Counts) -> String {
    let Counts {
        input,
        cached_input,
        cache_write,
        output,
        reasoning,
    } = counts;
    format!(
        "{input} input tokens ({cached_input} cached, {cache_write} written to the cache) and {output} output tokens ({reasoning} reasoning)"
    )
}

#[cfg(test)]
mod tests;
