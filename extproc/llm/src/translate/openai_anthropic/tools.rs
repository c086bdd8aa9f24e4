//! Tools and the choice among them (Anthropic docs, "Tool use"; OpenAI's deprecated `functions`
//! and `function_call` too).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    client::{ChatBody, Function},
    generation::Generation,
    wire::{Tool, ToolChoice, ToolChoiceKind},
};
use crate::{InvalidRequest, json::Text};

/// Tools and choice; without tools there is no choice, which Messages would refuse.
pub(super) fn translate<'a>(
    chat: &'a ChatBody<'a>,
    generation: Generation,
) -> Result<(Vec<Tool<'a>>, Option<ToolChoice<'a>>), InvalidRequest> {
    let mut tools = Vec::new();
    for (index, given) in chat.tools.iter().flatten().enumerate() {
        let kind = given
            .r#type
            .as_ref()
            .map(|kind| kind.0.as_ref())
            .unwrap_or("function");
        let Some(function) = given.function.as_ref().filter(|_| kind == "function") else {
            return Err(InvalidRequest::field(
                format!("tools[{index}]"),
                format_args!(
                    "must be a function for this provider; {:?} is not",
                    crate::json::prefix(kind, 64)
                ),
            ));
        };
        let mark = given.cache_control.or(function.cache_control);
        tools.push(tool(function, mark, generation)?);
    }
    for function in chat.functions.iter().flatten() {
        tools.push(tool(function, function.cache_control, generation)?);
    }
    if tools.is_empty() {
        return Ok((tools, None));
    }
    let kind = match (chat.tool_choice, chat.function_call) {
        (Some(given), _) => Some(choice("tool_choice", given)?),
        (None, Some(given)) => Some(choice("function_call", given)?),
        (None, None) => None,
    };
    let single = (chat.parallel_tool_calls == Some(false)).then_some(true);
    let choice = match (kind, single) {
        (None, None) => None,
        // Nothing is called, so nothing can be called in parallel.
        (Some(ToolChoiceKind::None), _) => Some(ToolChoice {
            kind: ToolChoiceKind::None,
            disable_parallel_tool_use: None,
        }),
        (kind, single) => Some(ToolChoice {
            kind: kind.unwrap_or(ToolChoiceKind::Auto),
            disable_parallel_tool_use: single,
        }),
    };
    Ok((tools, choice))
}

fn tool<'a>(
    function: &'a Function<'a>,
    cache_control: Option<&'a RawValue>,
    generation: Generation,
) -> Result<Tool<'a>, InvalidRequest> {
    let input_schema = match function.parameters {
        Some(schema) => Cow::Borrowed(schema),
        None => Cow::Owned(any_object()?),
    };
    Ok(Tool {
        name: Cow::Borrowed(function.name.0.as_ref()),
        description: function
            .description
            .as_ref()
            .map(|text| Cow::Borrowed(text.0.as_ref())),
        input_schema,
        // `false` is the default.
        strict: function
            .strict
            .filter(|strict| *strict && generation.has_structured_output()),
        cache_control,
    })
}

/// `"auto"`, `"required"`, `"none"`, or a function by name in either of OpenAI's forms.
fn choice<'a>(param: &str, given: &'a RawValue) -> Result<ToolChoiceKind<'a>, InvalidRequest> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        function: Option<Name<'a>>,
        #[serde(borrow)]
        name: Option<Text<'a>>,
    }
    #[derive(Deserialize)]
    struct Name<'a> {
        #[serde(borrow)]
        name: Text<'a>,
    }
    match given.get() {
        r#""auto""# => return Ok(ToolChoiceKind::Auto),
        r#""required""# | r#""any""# => return Ok(ToolChoiceKind::Any),
        r#""none""# => return Ok(ToolChoiceKind::None),
        _ => {}
    }
    let named = serde_json::from_str::<Named<'a>>(given.get()).ok();
    match named.and_then(|named| named.function.map(|function| function.name).or(named.name)) {
        Some(name) => Ok(ToolChoiceKind::Tool { name: name.0 }),
        None => Err(InvalidRequest::field(
            param,
            format_args!(
                "must be auto, required, none or a function by name; {} is not",
                crate::json::prefix(given.get(), 64)
            ),
        )),
    }
}

/// A schema that accepts any object.
fn any_object() -> Result<Box<RawValue>, InvalidRequest> {
    to_raw_value(&serde_json::json!({"type": "object", "properties": {}}))
        .map_err(InvalidRequest::body)
}
