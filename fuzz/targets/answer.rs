//! A provider's answer of any bytes, whole or streamed: translated the same however it is cut
//! into pieces, and never to more than a bounded size.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tollgate_bundle::Api;
use tollgate_fuzz::{Settings, apis};
use tollgate_llm::{Answer, AnswerOutcome, BodyChange, ChatRequest, HeadChange, Usage};

/// One way to hand over an answer.
struct Way {
    api: Api,
    include_usage: bool,
    may_cut: bool,
    status: u16,
    content_type: Option<&'static str>,
}

fuzz_target!(|input: &[u8]| {
    let mut settings = Settings::new(input);
    let (switches, seed) = (settings.byte(), settings.byte());
    let [openai, _, anthropic] = apis();
    let content_types = [
        Some("text/event-stream; charset=utf-8"),
        Some("application/json"),
        Some("text/html"),
        None,
    ];
    let way = Way {
        api: if switches & 1 == 0 { openai } else { anthropic },
        include_usage: switches & 2 != 0,
        may_cut: switches & 4 != 0,
        status: if switches & 8 == 0 { 200 } else { 429 },
        content_type: content_types[usize::from(switches >> 4 & 3)],
    };
    let body = settings.rest();
    let (whole, known) = way.run(&[body]);
    assert!(whole.len() <= 256 * body.len() + 4096, "bounded");
    assert!(known.generated.len() <= body.len(), "out of the answer");
    if !way.begin().1.length_changes {
        assert_eq!(Bytes::copy_from_slice(body), Bytes::from(whole.clone()));
    }
    let pieces = cut(body, seed);
    let (pieced, known_of_pieces) = way.run(&pieces);
    assert_eq!(known, known_of_pieces);
    assert_eq!(Bytes::from(whole), Bytes::from(pieced));
    if way.may_cut {
        way.run_and_cut(&pieces, usize::from(seed) % pieces.len());
    }
});

impl Way {
    fn begin(&self) -> (Answer, HeadChange) {
        let body = format!(
            r#"{{"model":"asked","stream":true,"stream_options":{{"include_usage":{}}},"messages":[]}}"#,
            self.include_usage
        );
        let request = ChatRequest::parse(body.as_bytes()).expect("a request");
        let mut answer = Answer::new(&self.api, &request, 1_700_000_000, "chatcmpl-1");
        if self.may_cut {
            answer.may_be_cut();
        }
        let change = answer.on_head(self.status, self.content_type);
        (answer, change)
    }

    fn run(&self, pieces: &[&[u8]]) -> (Vec<u8>, AnswerOutcome) {
        let (mut answer, _) = self.begin();
        let mut out = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            take(&mut answer, piece, index + 1 == pieces.len(), &mut out);
        }
        (out, answer.outcome())
    }

    /// Cuts the answer behind a piece: nothing comes behind that.
    fn run_and_cut(&self, pieces: &[&[u8]], last: usize) {
        let (mut answer, _) = self.begin();
        let mut out = Vec::new();
        for piece in &pieces[..last] {
            take(&mut answer, piece, false, &mut out);
        }
        if answer.cut(Usage::default()).is_none() {
            return;
        }
        let mut behind = Vec::new();
        for (index, piece) in pieces.iter().enumerate().skip(last) {
            take(&mut answer, piece, index + 1 == pieces.len(), &mut behind);
        }
        assert_eq!(Bytes::from(behind), Bytes::new(), "nothing behind the cut");
    }
}

fn take(answer: &mut Answer, piece: &[u8], end: bool, out: &mut Vec<u8>) {
    let piece = Bytes::copy_from_slice(piece);
    match answer.on_body(&piece, end) {
        BodyChange::Keep => out.extend_from_slice(&piece),
        BodyChange::Replace(changed) => out.extend_from_slice(&changed),
    }
}

/// Pieces of pseudo-random lengths, now and then an empty one.
fn cut(mut body: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed) + 1;
    let mut pieces = Vec::new();
    let length_max = [3, 17, 120, 1500][usize::from(seed & 3)];
    while !body.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (state >> 16) as usize % length_max;
        let (piece, rest) = body.split_at(length.min(body.len()));
        pieces.push(piece);
        body = rest;
    }
    pieces.push(body);
    pieces
}
