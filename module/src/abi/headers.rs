//! The headers of a request or of an answer, read at once: to ask Envoy for two costs as much as to
//! have all.

use std::{ffi::c_void, marker::PhantomData};

use super::{
    callbacks,
    types::{EnvoyBuffer, EnvoyHeader},
};

/// As they were when they were read. Nothing is set while they live.
pub(crate) struct Headers<'a> {
    all: Vec<EnvoyHeader>,
    stream: PhantomData<&'a c_void>,
}

impl Headers<'_> {
    /// # Safety
    ///
    /// `stream` is what Envoy has given to the hook that runs; these are dropped before that hook
    /// returns, and before a setter is called.
    pub(super) unsafe fn read(stream: *mut c_void, kind: u32) -> Self {
        // SAFETY: the stream is that of this hook.
        let count = unsafe { callbacks::get_headers_size(stream, kind) };
        let empty = EnvoyHeader {
            key: EnvoyBuffer::EMPTY,
            value: EnvoyBuffer::EMPTY,
        };
        let mut all = vec![empty; count];
        // SAFETY: the vector has as many elements as Envoy has said that it will write.
        if !unsafe { callbacks::get_headers(stream, kind, all.as_mut_ptr()) } {
            all.clear();
        }
        Self {
            all,
            stream: PhantomData,
        }
    }

    /// The first value of a header, of which the name is in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        let header = self.all.iter().find(|header| {
            // SAFETY: filled by Envoy; it lives as long as these.
            header.key.length == name.len() && unsafe { header.key.bytes() } == name.as_bytes()
        })?;
        // SAFETY: as above.
        Some(unsafe { header.value.bytes() })
    }

    /// The first value of a header that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }
}
