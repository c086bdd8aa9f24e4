//! Every ending has a charge.

use tollgate_engine::{CallRecord, Ending};

use crate::host::{self, End, Host, bundle, forward, hello};

const LIMIT: u64 = 100_000;

fn begun(stream: bool) -> (Host, tollgate_engine::Exchange) {
    let host = Host::new(&bundle(LIMIT));
    let mut exchange = host.exchange();
    let mut body = hello();
    if stream {
        body["stream"] = true.into();
    }
    forward(host.chat(&mut exchange, Some("sk-alice"), &body));
    (host, exchange)
}

fn charged(host: &Host) -> u64 {
    let state = host.state("default/daily", "user:default/alice", LIMIT);
    assert_eq!(state.held, 0, "the hold is freed");
    state.settled
}

const FIRST: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"one two\"},\"finish_reason\":null}]}\n\n";
const LAST: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[test]
fn a_whole_answer_is_charged_as_reported() {
    let (host, mut exchange) = begun(false);
    let body = host::openai_answer(9, 3);
    assert_eq!(
        host.answer(&mut exchange, 200, &body),
        body,
        "byte for byte"
    );
    assert_eq!(charged(&host), 12);
    assert_eq!(exchange.record().ending, Ending::Complete);
}

#[test]
fn a_stream_is_charged_as_reported_and_the_usage_chunk_stays_here() {
    let (host, mut exchange) = begun(true);
    let seen = host.stream(
        &mut exchange,
        &[FIRST, LAST, USAGE, DONE, ""],
        End::Complete,
    );
    assert_eq!(seen, format!("{FIRST}{LAST}{DONE}"));
    assert_eq!(charged(&host), 11);
}

#[test]
fn a_stream_without_usage_is_counted() {
    let (host, mut exchange) = begun(true);
    host.stream(&mut exchange, &[FIRST, LAST, DONE, ""], End::Complete);
    let CallRecord {
        usage, estimated, ..
    } = exchange.record();
    assert!(estimated);
    assert_eq!(usage.unwrap().output, 2);
    assert_eq!(charged(&host), usage.unwrap().total());
}

#[test]
fn a_client_that_leaves_pays_for_prompt_and_what_was_generated() {
    let (host, mut exchange) = begun(true);
    host.stream(&mut exchange, &[FIRST], End::Cut);
    let record = host.close(&mut exchange);
    assert_eq!(record.ending, Ending::Cut);
    assert_eq!(record.usage.unwrap().output, 2);
    assert_eq!(charged(&host), record.usage.unwrap().total());
}

#[test]
fn a_client_that_leaves_after_the_usage_pays_what_was_reported() {
    let (host, mut exchange) = begun(true);
    host.stream(&mut exchange, &[FIRST, LAST, USAGE], End::Cut);
    host.close(&mut exchange);
    assert_eq!(charged(&host), 11);
}

#[test]
fn a_client_that_leaves_before_the_answer_pays_for_the_prompt() {
    let (host, mut exchange) = begun(true);
    let record = host.close(&mut exchange);
    assert_eq!(record.usage.unwrap().output, 0);
    assert!(charged(&host) >= 8);
}

#[test]
fn a_providers_error_costs_nothing() {
    let (host, mut exchange) = begun(false);
    let error =
        r#"{"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}"#;
    assert_eq!(host.answer(&mut exchange, 503, error), error);
    assert_eq!(charged(&host), 0);
    assert_eq!(exchange.record().ending, Ending::ProviderError);
}

#[test]
fn an_error_after_the_head_costs_the_prompt() {
    let (host, mut exchange) = begun(true);
    let error = "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";
    host.stream(&mut exchange, &[error, ""], End::Complete);
    let CallRecord { usage, ending, .. } = exchange.record();
    assert_eq!(ending, Ending::ProviderError);
    assert_eq!(usage.unwrap().output, 0);
    assert_eq!(charged(&host), usage.unwrap().input);
    assert!(charged(&host) >= 8);
}

#[test]
fn closing_after_the_end_charges_once() {
    let (host, mut exchange) = begun(false);
    host.answer(&mut exchange, 200, &host::openai_answer(9, 3));
    host.close(&mut exchange);
    assert_eq!(charged(&host), 12);
}
