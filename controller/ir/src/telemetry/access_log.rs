//! Lines and entries of requests and connections, and where they go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Receiver;

/// One form of line, in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessLog {
    /// `namespace/gateway/accesslog_file_0_1`: the kind of its sink, and the places of setting and
    /// sink. Unique in the IR.
    pub name: String,
    /// Of what there is one.
    pub scope: LogScope,
    /// Whether LLM calls are told here too; the engine has a line for each of them.
    #[serde(default)]
    pub ai_calls: AiCalls,
    /// What it says. A service that speaks ALS has a form of its own.
    pub format: LogFormat,
    /// CEL over the proxy's attributes, one of which must hold; empty logs all. All of them parse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<String>,
    /// Where it goes.
    pub sink: LogSink,
}

/// Of what there is a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogScope {
    /// Each request; below HTTP, each connection or session. And each connection that nothing is
    /// served to, since it comes to no request.
    Traffic,
    /// Each request; below HTTP, each connection or session.
    Requests,
    /// Each connection to a port, whatever is spoken on it.
    Connections,
    /// Each try of a request at a backend.
    Tries,
}

/// Whether LLM calls are told beside other requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AiCalls {
    /// They are.
    #[default]
    Included,
    /// They are not.
    LeftOut,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFormat {
    /// A JSON object with what one usually wants to know.
    Default,
    /// A text with the proxy's operators in it, `%START_TIME%`.
    Text(String),
    /// A JSON object; its values have the proxy's operators in them.
    Json(BTreeMap<String, String>),
    /// Both: in OTLP the body and the attributes; elsewhere the text.
    TextAndFields(String, BTreeMap<String, String>),
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LogSink {
    /// To the end of a file, or into a stream: `/dev/stdout`.
    File {
        /// Its path, as the proxy sees it.
        path: String,
    },
    /// To a collector of OpenTelemetry, over gRPC.
    OpenTelemetry(OpenTelemetryLogSink),
    /// To a service that speaks Envoy's protocol for access logs.
    Als(AlsSink),
}

/// A collector of OpenTelemetry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenTelemetryLogSink {
    /// Where it is.
    pub receiver: Receiver,
    /// Attributes of the resource that logs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource_attributes: BTreeMap<String, String>,
}

/// A service that speaks Envoy's protocol for access logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlsSink {
    /// Where it is.
    pub receiver: Receiver,
    /// What the log is called.
    pub log_name: String,
    /// What entries say.
    pub content: AlsContent,
}

/// What entries for such a service say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlsContent {
    /// What there is to say of a request, and these headers.
    Http {
        /// Headers of requests.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        request_headers: Vec<String>,
        /// Headers of responses.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        response_headers: Vec<String>,
        /// Trailers of responses.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        response_trailers: Vec<String>,
    },
    /// What there is to say of a connection.
    Tcp,
}

// === impl AccessLog ===

impl AccessLog {
    /// The service that it is sent to; `None` for a file.
    pub fn receiver(&self) -> Option<&Receiver> {
        match &self.sink {
            LogSink::File { .. } => None,
            LogSink::OpenTelemetry(sink) => Some(&sink.receiver),
            LogSink::Als(sink) => Some(&sink.receiver),
        }
    }
}
