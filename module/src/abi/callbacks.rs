//! Functions of Envoy that the module calls. Envoy's executable has them.

use std::ffi::c_void;

use super::types::{EnvoyBuffer, EnvoyHeader, LogLevel, ModuleBuffer, ModuleHeader};

// One function on each line: its name, without Envoy's prefix, is the comment.
unsafe extern "C" {
    #[link_name = "envoy_dynamic_module_callback_log"]
    fn callback_log(level: LogLevel, message: ModuleBuffer);
    #[link_name = "envoy_dynamic_module_callback_log_enabled"]
    fn callback_log_enabled(level: LogLevel) -> bool;

    #[link_name = "envoy_dynamic_module_callback_http_get_header"]
    pub(super) fn get_header(
        stream: *mut c_void,
        kind: u32,
        key: ModuleBuffer,
        value: *mut EnvoyBuffer,
        index: usize,
        count: *mut usize,
    ) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_get_headers_size"]
    pub(super) fn get_headers_size(stream: *mut c_void, kind: u32) -> usize;
    #[link_name = "envoy_dynamic_module_callback_http_get_headers"]
    pub(super) fn get_headers(stream: *mut c_void, kind: u32, headers: *mut EnvoyHeader) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_set_header"]
    pub(super) fn set_header(
        stream: *mut c_void,
        kind: u32,
        key: ModuleBuffer,
        value: ModuleBuffer,
    ) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_send_response"]
    pub(super) fn send_response(
        stream: *mut c_void,
        status: u32,
        headers: *mut ModuleHeader,
        headers_count: usize,
        body: ModuleBuffer,
        details: ModuleBuffer,
    );

    #[link_name = "envoy_dynamic_module_callback_http_get_body_size"]
    pub(super) fn get_body_size(stream: *mut c_void, body: u32) -> usize;
    #[link_name = "envoy_dynamic_module_callback_http_get_body_chunks"]
    pub(super) fn get_body_chunks(stream: *mut c_void, body: u32, chunks: *mut EnvoyBuffer)
    -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_get_body_chunks_size"]
    pub(super) fn get_body_chunks_size(stream: *mut c_void, body: u32) -> usize;
    #[link_name = "envoy_dynamic_module_callback_http_append_body"]
    pub(super) fn append_body(stream: *mut c_void, body: u32, data: ModuleBuffer) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_drain_body"]
    pub(super) fn drain_body(stream: *mut c_void, body: u32, bytes: usize) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_received_buffered_request_body"]
    pub(super) fn received_buffered_request_body(stream: *mut c_void) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_received_buffered_response_body"]
    pub(super) fn received_buffered_response_body(stream: *mut c_void) -> bool;

    #[link_name = "envoy_dynamic_module_callback_http_get_metadata_string"]
    pub(super) fn get_metadata_string(
        stream: *mut c_void,
        source: u32,
        namespace: ModuleBuffer,
        key: ModuleBuffer,
        value: *mut EnvoyBuffer,
    ) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_set_dynamic_metadata_number"]
    pub(super) fn set_dynamic_metadata_number(
        stream: *mut c_void,
        namespace: ModuleBuffer,
        key: ModuleBuffer,
        value: f64,
    );
    #[link_name = "envoy_dynamic_module_callback_http_filter_get_attribute_string"]
    pub(super) fn get_attribute_string(
        stream: *mut c_void,
        attribute: u32,
        value: *mut EnvoyBuffer,
    ) -> bool;
    #[link_name = "envoy_dynamic_module_callback_get_most_specific_route_config"]
    pub(super) fn get_most_specific_route_config(stream: *mut c_void) -> *const c_void;
    #[link_name = "envoy_dynamic_module_callback_http_clear_route_cache"]
    pub(super) fn clear_route_cache(stream: *mut c_void);

    #[link_name = "envoy_dynamic_module_callback_http_filter_continue_decoding"]
    pub(super) fn continue_decoding(stream: *mut c_void);
    #[link_name = "envoy_dynamic_module_callback_http_filter_continue_encoding"]
    pub(super) fn continue_encoding(stream: *mut c_void);
    #[link_name = "envoy_dynamic_module_callback_http_filter_scheduler_new"]
    pub(super) fn scheduler_new(stream: *mut c_void) -> *mut c_void;
    #[link_name = "envoy_dynamic_module_callback_http_filter_scheduler_commit"]
    pub(super) fn scheduler_commit(scheduler: *mut c_void, event: u64);
    #[link_name = "envoy_dynamic_module_callback_http_filter_scheduler_delete"]
    pub(super) fn scheduler_delete(scheduler: *mut c_void);
}

/// Writes a line to Envoy's log.
pub(crate) fn log(level: LogLevel, message: &str) {
    // SAFETY: Envoy copies the message before it returns; it may be called from any thread.
    unsafe { callback_log(level, message.into()) }
}

/// Whether Envoy's log takes lines of this level.
pub(crate) fn is_logged(level: LogLevel) -> bool {
    // SAFETY: reads a setting of Envoy's; it may be called from any thread.
    unsafe { callback_log_enabled(level) }
}
