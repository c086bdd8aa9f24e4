//! One compiled expression: evaluated for what a call did cost, and for what it may cost.

use std::{
    sync::{Arc, LazyLock},
    thread,
};

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
};

/// Longest text of an expression.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Brackets within brackets. The generated parser needs up to 40 KiB of stack for each.
const NESTING_MAX: usize = 32;

/// Stack for parsing: several times what the longest and deepest text needs.
const STACK_BYTES: usize = 32 << 20;

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
        if text.len() > TEXT_BYTES_MAX {
            let length = text.len();
            return Err(format!(
                "is {length} bytes long; {TEXT_BYTES_MAX} are the most"
            ));
        }
        if nesting(text) > NESTING_MAX {
            return Err(format!("nests more than {NESTING_MAX} brackets"));
        }
        let source = text.to_string();
        // A thread of its own: the parser recurses, and is not known to be free of panics.
        let parsing = thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || Self::parse(source))
            .map_err(|error| format!("cannot be parsed now: {error}"))?;
        let expression = parsing
            .join()
            .map_err(|_| "is not CEL: the parser gave up".to_string())??;
        expression.try_out()?;
        Ok(expression)
    }

    fn parse(text: String) -> Result<Self, String> {
        let program = ENVIRONMENT
            .compile(&text)
            .map_err(|errors| format!("is not CEL: {}", first_line(&errors.to_string())))?;
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

/// The deepest nesting of brackets, those in strings included.
fn nesting(text: &str) -> usize {
    let mut depth = 0_usize;
    text.bytes().fold(0, |deepest, byte| {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest.max(depth)
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
