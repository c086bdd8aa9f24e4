//! An HTTP stream of Envoy's, as a filter sees it while one of its hooks runs.
//!
//! What is read from it lives as long as it is not changed: readers borrow it, writers borrow it
//! mutably, as Envoy asks ("until a setter is called").

use std::{ffi::c_void, marker::PhantomData};

use bytes::{Bytes, BytesMut};

use super::{
    callbacks,
    headers::Headers,
    types::{EnvoyBuffer, METADATA_OF_HOST, ModuleBuffer, ModuleHeader, RESPONSE_CODE_DETAILS},
};

/// The headers of a request or of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderKind {
    Request = 0,
    Response = 2,
}

/// The body of a request or of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Request,
    Response,
}

/// Lives no longer than the hook for which it was made, on that hook's thread.
pub(crate) struct Stream<'a> {
    raw: *mut c_void,
    hook: PhantomData<&'a mut c_void>,
}

/// Wakes a filter on its own thread, from any other.
pub(crate) struct Scheduler {
    raw: *mut c_void,
}

// SAFETY: Envoy's scheduler may be used and deleted on any thread; it is never shared.
unsafe impl Send for Scheduler {}

// === impl Body ===

impl Body {
    /// What this hook has brought.
    const fn received(self) -> u32 {
        match self {
            Self::Request => 0,
            Self::Response => 2,
        }
    }

    /// What was kept before.
    const fn kept(self) -> u32 {
        match self {
            Self::Request => 1,
            Self::Response => 3,
        }
    }
}

// === impl Stream ===

impl Stream<'_> {
    /// # Safety
    ///
    /// `raw` is what Envoy has given to the hook that runs, and the stream is dropped before that
    /// hook returns.
    pub(super) unsafe fn of_hook(raw: *mut c_void) -> Self {
        Self {
            raw,
            hook: PhantomData,
        }
    }

    /// All headers.
    pub(crate) fn headers(&self, kind: HeaderKind) -> Headers<'_> {
        // SAFETY: the stream is that of this hook; they borrow it, and setters borrow it mutably.
        unsafe { Headers::read(self.raw, kind as u32) }
    }

    /// The first value of a header.
    pub(crate) fn header(&self, kind: HeaderKind, name: &str) -> Option<&[u8]> {
        let mut value = EnvoyBuffer::EMPTY;
        // SAFETY: the stream is that of this hook; Envoy writes to `value`, and a count that is
        // null is not written.
        let is_there = unsafe {
            callbacks::get_header(
                self.raw,
                kind as u32,
                name.into(),
                &raw mut value,
                0,
                std::ptr::null_mut(),
            )
        };
        // SAFETY: filled by Envoy; it lives until a setter is called, which borrows mutably.
        (is_there && !value.ptr.is_null()).then(|| unsafe { value.bytes() })
    }

    /// The first value of a header that is text.
    pub(crate) fn text(&self, kind: HeaderKind, name: &str) -> Option<&str> {
        std::str::from_utf8(self.header(kind, name)?).ok()
    }

    /// Sets a header in the place of what is there.
    pub(crate) fn set_header(&mut self, kind: HeaderKind, name: &str, value: &str) {
        // An empty slice has a pointer that is not null, so that the header is not removed.
        // SAFETY: the stream is that of this hook; Envoy copies name and value.
        unsafe { callbacks::set_header(self.raw, kind as u32, name.into(), value.into()) };
    }

    /// Removes a header, if it is there.
    pub(crate) fn remove_header(&mut self, kind: HeaderKind, name: &str) {
        // SAFETY: the stream is that of this hook; a null value removes.
        unsafe { callbacks::set_header(self.raw, kind as u32, name.into(), ModuleBuffer::NOTHING) };
    }

    /// Answers the client in the place of whoever is behind; the stream ends with it.
    pub(crate) fn send_response(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
        details: &str,
    ) {
        let mut headers: Vec<ModuleHeader> = headers
            .iter()
            .map(|(key, value)| ModuleHeader {
                key_ptr: key.as_ptr().cast(),
                key_length: key.len(),
                value_ptr: value.as_ptr().cast(),
                value_length: value.len(),
            })
            .collect();
        // SAFETY: the stream is that of this hook; Envoy copies everything before it returns.
        unsafe {
            callbacks::send_response(
                self.raw,
                status.into(),
                headers.as_mut_ptr(),
                headers.len(),
                body.into(),
                details.into(),
            );
        }
    }

    /// All of a body that is here: what was kept, and what this hook has brought.
    pub(crate) fn body(&self, body: Body) -> Bytes {
        // Where another filter has kept the body, what is brought is what was kept.
        // SAFETY: the stream is that of this hook.
        let is_one = unsafe {
            match body {
                Body::Request => callbacks::received_buffered_request_body(self.raw),
                Body::Response => callbacks::received_buffered_response_body(self.raw),
            }
        };
        let mut whole = BytesMut::with_capacity(self.body_bytes(body));
        if !is_one {
            self.read(body.kept(), &mut whole);
        }
        self.read(body.received(), &mut whole);
        whole.freeze()
    }

    /// What this hook has brought of a body of which nothing was kept.
    pub(crate) fn piece(&self, body: Body) -> Bytes {
        let mut chunk = [EnvoyBuffer::EMPTY];
        // SAFETY: the stream is that of this hook.
        let count = unsafe { callbacks::get_body_chunks_size(self.raw, body.received()) };
        if count != 1 {
            let mut whole = BytesMut::new();
            self.read(body.received(), &mut whole);
            return whole.freeze();
        }
        // SAFETY: Envoy has said that it will write one element.
        let is_there =
            unsafe { callbacks::get_body_chunks(self.raw, body.received(), chunk.as_mut_ptr()) };
        let [chunk] = chunk;
        match is_there {
            // SAFETY: filled by Envoy, and nothing changes the body before this returns.
            true => Bytes::copy_from_slice(unsafe { chunk.bytes() }),
            false => Bytes::new(),
        }
    }

    /// Bytes of [`Stream::body`], at most.
    fn body_bytes(&self, body: Body) -> usize {
        // SAFETY: the stream is that of this hook.
        unsafe {
            callbacks::get_body_size(self.raw, body.kept())
                + callbacks::get_body_size(self.raw, body.received())
        }
    }

    fn read(&self, body: u32, whole: &mut BytesMut) {
        // SAFETY: the stream is that of this hook.
        let count = unsafe { callbacks::get_body_chunks_size(self.raw, body) };
        if count == 0 {
            return;
        }
        let mut chunks = vec![EnvoyBuffer::EMPTY; count];
        // SAFETY: the vector has as many elements as Envoy has said that it will write.
        let is_there = unsafe { callbacks::get_body_chunks(self.raw, body, chunks.as_mut_ptr()) };
        if !is_there {
            return;
        }
        for chunk in chunks {
            // SAFETY: filled by Envoy, and nothing changes the body before this returns.
            whole.extend_from_slice(unsafe { chunk.bytes() });
        }
    }

    /// Puts `data` in the place of all of a body that is here, while a body hook runs.
    pub(crate) fn replace_received(&mut self, body: Body, data: &[u8]) {
        self.drain(body.kept());
        self.drain(body.received());
        self.append(body.received(), data);
    }

    /// Puts `data` in the place of all of a body that was kept, while no body hook runs.
    pub(crate) fn replace_kept(&mut self, body: Body, data: &[u8]) {
        self.drain(body.kept());
        self.append(body.kept(), data);
    }

    fn drain(&mut self, body: u32) {
        // SAFETY: the stream is that of this hook; more than there is drains all.
        unsafe { callbacks::drain_body(self.raw, body, usize::MAX) };
    }

    fn append(&mut self, body: u32, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        // SAFETY: the stream is that of this hook; Envoy copies the data.
        unsafe { callbacks::append_body(self.raw, body, data.into()) };
    }

    /// Metadata of the endpoint that this attempt goes to.
    pub(crate) fn host_metadata(&self, namespace: &str, key: &str) -> Option<&str> {
        let mut value = EnvoyBuffer::EMPTY;
        // SAFETY: the stream is that of this hook; Envoy writes to `value`.
        let is_there = unsafe {
            callbacks::get_metadata_string(
                self.raw,
                METADATA_OF_HOST,
                namespace.into(),
                key.into(),
                &raw mut value,
            )
        };
        if !is_there {
            return None;
        }
        // SAFETY: filled by Envoy; it lives until a setter is called, which borrows mutably.
        std::str::from_utf8(unsafe { value.bytes() }).ok()
    }

    /// Tells other filters and access logs a number.
    pub(crate) fn set_metadata(&mut self, namespace: &str, key: &str, value: f64) {
        // SAFETY: the stream is that of this hook; Envoy copies the names.
        unsafe {
            callbacks::set_dynamic_metadata_number(self.raw, namespace.into(), key.into(), value);
        }
    }

    /// In Envoy's words, where an answer comes from.
    pub(crate) fn response_code_details(&self) -> Option<&str> {
        let mut value = EnvoyBuffer::EMPTY;
        // SAFETY: the stream is that of this hook; Envoy writes to `value`.
        let is_there = unsafe {
            callbacks::get_attribute_string(self.raw, RESPONSE_CODE_DETAILS, &raw mut value)
        };
        if !is_there {
            return None;
        }
        // SAFETY: filled by Envoy; it lives until a setter is called, which borrows mutably.
        std::str::from_utf8(unsafe { value.bytes() }).ok()
    }

    /// The scope that the route of this request names; `None` where it names none.
    pub(crate) fn scope(&self) -> Option<&str> {
        // SAFETY: the stream is that of this hook.
        let config = unsafe { callbacks::get_most_specific_route_config(self.raw) };
        // SAFETY: every such configuration was made by our hook from a `Box<String>`, and the route
        // keeps it at least until this hook returns.
        let scope: Option<&String> = unsafe { config.cast::<String>().as_ref() };
        scope.map(String::as_str)
    }

    /// Lets Envoy choose the route again.
    pub(crate) fn clear_route_cache(&mut self) {
        // SAFETY: the stream is that of this hook.
        unsafe { callbacks::clear_route_cache(self.raw) }
    }

    /// The request goes on to the next filter.
    pub(crate) fn continue_request(&mut self) {
        // SAFETY: the stream is that of this hook, which is no hook of the request's own.
        unsafe { callbacks::continue_decoding(self.raw) }
    }

    /// The answer goes on to the next filter.
    pub(crate) fn continue_response(&mut self) {
        // SAFETY: the stream is that of this hook, which is no hook of the answer's own.
        unsafe { callbacks::continue_encoding(self.raw) }
    }

    /// Wakes this stream's filter later.
    pub(crate) fn scheduler(&self) -> Scheduler {
        // SAFETY: the stream is that of this hook.
        let raw = unsafe { callbacks::scheduler_new(self.raw) };
        Scheduler { raw }
    }
}

// === impl Scheduler ===

impl Scheduler {
    /// Has the filter's `on_scheduled` called, with this event. The filter must not have been
    /// destroyed.
    pub(crate) fn wake(&self, event: u64) {
        // SAFETY: made by Envoy, not deleted yet; the caller holds the filter alive (`work`, and a
        // hook of the filter itself).
        unsafe { callbacks::scheduler_commit(self.raw, event) }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // SAFETY: made by Envoy, and deleted once, here.
        unsafe { callbacks::scheduler_delete(self.raw) }
    }
}
