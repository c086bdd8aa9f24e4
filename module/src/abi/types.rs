//! Values that cross the interface. Numbers are those of Envoy's header `abi.h`.

use std::ffi::c_char;

/// Bytes that Envoy owns: valid until the hook returns, or until a setter is called.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct EnvoyBuffer {
    pub(super) ptr: *const c_char,
    pub(super) length: usize,
}

/// Bytes that the module owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ModuleBuffer {
    pub(super) ptr: *const c_char,
    pub(super) length: usize,
}

/// A header that Envoy owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct EnvoyHeader {
    pub(super) key: EnvoyBuffer,
    pub(super) value: EnvoyBuffer,
}

/// A header that the module owns.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct ModuleHeader {
    pub(super) key_ptr: *const c_char,
    pub(super) key_length: usize,
    pub(super) value_ptr: *const c_char,
    pub(super) value_length: usize,
}

/// `envoy_dynamic_module_type_log_level`
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Trace = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// What Envoy does after it has shown a head.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadersStatus {
    /// Go on.
    Continue = 0,
    /// Wait; the body is shown all the same.
    StopIteration = 1,
    /// Wait; the body is kept, and shown when the filter goes on.
    StopAllIterationAndBuffer = 3,
}

/// What Envoy does after it has shown a piece of a body.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyStatus {
    /// Go on.
    Continue = 0,
    /// Keep the piece, and wait.
    StopIterationAndBuffer = 1,
}

/// What Envoy does after it has shown trailers.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrailersStatus {
    /// Go on.
    Continue = 0,
    /// Wait.
    StopIteration = 1,
}

/// `envoy_dynamic_module_type_on_http_filter_local_reply_status_Continue`
pub(super) const LOCAL_REPLY_CONTINUE: u32 = 0;
/// `envoy_dynamic_module_type_metadata_source_Host`
pub(super) const METADATA_OF_HOST: u32 = 3;
/// `envoy_dynamic_module_type_attribute_id_ResponseCodeDetails`
pub(super) const RESPONSE_CODE_DETAILS: u32 = 16;

// === impl EnvoyBuffer ===

impl EnvoyBuffer {
    pub(super) const EMPTY: Self = Self {
        ptr: std::ptr::null(),
        length: 0,
    };

    /// The bytes.
    ///
    /// # Safety
    ///
    /// Envoy has filled it, and what it points to lives for `'a`.
    pub(super) unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.ptr.is_null() || self.length == 0 {
            return &[];
        }
        // SAFETY: not null, and the caller vouches for length and life.
        unsafe { std::slice::from_raw_parts(self.ptr.cast(), self.length) }
    }
}

// === impl ModuleBuffer ===

impl From<&[u8]> for ModuleBuffer {
    fn from(bytes: &[u8]) -> Self {
        Self {
            ptr: bytes.as_ptr().cast(),
            length: bytes.len(),
        }
    }
}

impl From<&str> for ModuleBuffer {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl ModuleBuffer {
    /// As a value: removes what is there.
    pub(super) const NOTHING: Self = Self {
        ptr: std::ptr::null(),
        length: 0,
    };
}
