//! Golden files: every request to every provider, every answer back.

#![expect(clippy::unwrap_used, reason = "a test may unwrap, its helpers too")]

use std::{fmt::Write as _, path::Path};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_bundle::Api;
use tollgate_llm::{Answer, BodyChange, ChatRequest, Target, translate};

#[path = "common/stream.rs"]
mod stream;

#[derive(Deserialize)]
struct RequestCase<'a> {
    target: TargetCase,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct TargetCase {
    model: Option<String>,
    output_tokens_max: Option<u64>,
}

#[test]
fn requests_match_their_goldens() {
    insta::glob!("../testdata", "requests/*.json", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let case: RequestCase<'_> = serde_json::from_str(&text).unwrap();
        let body = Bytes::from(case.body.get().to_owned());
        let request = ChatRequest::parse(&body).unwrap();
        let mut golden = String::new();
        for (name, api) in apis() {
            let target = Target {
                api: &api,
                model: case.target.model.as_deref(),
                output_tokens_max: case.target.output_tokens_max,
            };
            writeln!(golden, "== {name}").unwrap();
            match translate::chat_request(target, &request, &body) {
                Err(error) => {
                    writeln!(golden, "refused, param {:?}: {error}", error.param).unwrap()
                }
                Ok(provider) => {
                    writeln!(golden, "POST {}", provider.path).unwrap();
                    for (name, value) in provider.headers {
                        writeln!(golden, "{name}: {value}").unwrap();
                    }
                    match provider.body {
                        None => writeln!(golden, "(the client's bytes)").unwrap(),
                        Some(body) if name == "anthropic" => {
                            writeln!(golden, "{}", pretty(std::str::from_utf8(&body).unwrap()))
                                .unwrap();
                        }
                        Some(body) => {
                            writeln!(golden, "{}", String::from_utf8_lossy(&body)).unwrap();
                        }
                    }
                }
            }
        }
        insta::assert_snapshot!(golden);
    });
}

#[derive(Deserialize)]
struct AnswerCase {
    api: String,
    status: u16,
    content_type: Option<String>,
    body: String,
}

#[test]
fn answers_match_their_goldens() {
    insta::glob!("../testdata", "answers/*.json", |path| {
        let case: AnswerCase =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let api = if case.api == "openai" {
            openai()
        } else {
            anthropic()
        };
        let mut answer = Answer::new(&api, &stream::request(true), 1_700_000_000, "chatcmpl-1");
        let head = answer.on_head(case.status, case.content_type.as_deref());
        let change = answer.on_body(&Bytes::from(case.body), true);
        let body = match change {
            BodyChange::Keep => "(the provider's bytes)".to_owned(),
            BodyChange::Replace(body) => String::from_utf8_lossy(&body).into_owned(),
        };
        insta::assert_snapshot!(format!("{head:?}\n{body}\n{:#?}", answer.outcome()));
    });
}

#[test]
fn streams_match_their_goldens() {
    insta::glob!("../testdata", "streams/*.sse", |path| {
        let text = std::fs::read(path).unwrap();
        let mut golden = String::new();
        for include_usage in [true, false] {
            let (out, outcome) = stream::run(&api_of(path), include_usage, &[&text]);
            let out = String::from_utf8(out).unwrap().replace('\r', "␍");
            writeln!(
                golden,
                "== include_usage: {include_usage}\n{out}\n{outcome:#?}"
            )
            .unwrap();
        }
        insta::assert_snapshot!(golden);
    });
}

#[test]
fn streams_are_the_same_wherever_they_are_split() {
    insta::glob!("../testdata", "streams/*.sse", |path| {
        let text = std::fs::read(path).unwrap();
        for include_usage in [true, false] {
            let whole = stream::run(&api_of(path), include_usage, &[&text]);
            for at in 0..=text.len() {
                let split = stream::run(&api_of(path), include_usage, &[&text[..at], &text[at..]]);
                assert_eq!(split, whole, "{} split at {at}", path.display());
            }
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(stream::run(&api_of(path), include_usage, &bytes), whole);
        }
    });
}

fn api_of(path: &Path) -> Api {
    let name = path.file_name().unwrap().to_str().unwrap();
    if name.starts_with("openai") {
        openai()
    } else {
        anthropic()
    }
}

fn apis() -> [(&'static str, Api); 3] {
    let azure = Api::AzureOpenAi {
        version: "2024-10-21".to_owned(),
    };
    [
        ("openai", openai()),
        ("azure", azure),
        ("anthropic", anthropic()),
    ]
}

fn openai() -> Api {
    Api::OpenAi {
        prefix: "v1".to_owned(),
    }
}

fn anthropic() -> Api {
    Api::Anthropic {
        prefix: "v1".to_owned(),
    }
}

/// Compact JSON on lines of its own, in its own order and with its own numbers: what a `Value`
/// would lose.
fn pretty(json: &str) -> String {
    serde_json::from_str::<&RawValue>(json).unwrap();
    let (mut out, mut depth, mut in_string, mut escaped) = (String::new(), 0, false, false);
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    for c in json.chars() {
        let is_structure = !in_string;
        if is_structure && matches!(c, '}' | ']') {
            depth -= 1;
            new_line(&mut out, depth);
        }
        out.push(c);
        if is_structure && matches!(c, '{' | '[') {
            depth += 1;
            new_line(&mut out, depth);
        } else if is_structure && c == ',' {
            new_line(&mut out, depth);
        }
        in_string ^= c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
    }
    out
}
