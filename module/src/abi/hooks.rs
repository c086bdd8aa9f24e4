//! The functions that Envoy looks for in the module and calls. A panic ends here: it is answered
//! 500, and Envoy goes on.

use std::{
    ffi::{c_char, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    stream::Stream,
    types::{BodyStatus, EnvoyBuffer, HeadersStatus, LOCAL_REPLY_CONTINUE, TrailersStatus},
};
use tollgate_uplink::Cork;

use crate::{
    config::FilterConfig,
    filter::{Filter, FilterFactory, Next, respond},
    log,
};

/// The version of Envoy's interface that this module is written against.
const ABI_VERSION: &[u8] = b"v0.2.0\0";

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    // A subscriber is there already if the module is loaded a second time.
    let _ = catch_unwind(log::start);
    ABI_VERSION.as_ptr().cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    _config: *mut c_void,
    _name: EnvoyBuffer,
    config: EnvoyBuffer,
) -> *const c_void {
    // SAFETY: filled by Envoy, and it lives until this hook returns.
    let text = unsafe { config.bytes() };
    let made = catch_unwind(|| FilterConfig::parse(text).and_then(FilterFactory::new));
    match made {
        Ok(Ok(factory)) => Box::into_raw(Box::new(factory)).cast_const().cast(),
        Ok(Err(error)) => {
            tracing::error!("the engine's filter cannot be configured: {error}");
            std::ptr::null()
        }
        Err(_) => std::ptr::null(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(config: *const c_void) {
    if config.is_null() {
        return;
    }
    // SAFETY: made by `config_new` from a box, and Envoy gives it back once.
    let factory = unsafe { Box::from_raw(config.cast_mut().cast::<FilterFactory>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(factory)));
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_new(
    _name: EnvoyBuffer,
    config: EnvoyBuffer,
) -> *const c_void {
    // SAFETY: filled by Envoy, and it lives until this hook returns.
    let scope = String::from_utf8_lossy(unsafe { config.bytes() }).into_owned();
    Box::into_raw(Box::new(scope)).cast_const().cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_per_route_config_destroy(
    config: *const c_void,
) {
    if !config.is_null() {
        // SAFETY: made by `per_route_config_new` from a box, and Envoy gives it back once.
        drop(unsafe { Box::from_raw(config.cast_mut().cast::<String>()) });
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: *const c_void,
    _stream: *mut c_void,
) -> *const c_void {
    // SAFETY: made by `config_new`; Envoy keeps it longer than its filters.
    let factory = unsafe { &*config.cast::<FilterFactory>() };
    match catch_unwind(AssertUnwindSafe(|| factory.filter())) {
        Ok(filter) => Box::into_raw(Box::new(filter)).cast_const().cast(),
        Err(_) => std::ptr::null(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(filter: *const c_void) {
    if filter.is_null() {
        return;
    }
    // SAFETY: made by `filter_new` from a box, and Envoy gives it back once.
    let filter = unsafe { Box::from_raw(filter.cast_mut().cast::<Filter>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(filter)));
}

/// Runs a hook of a filter; `otherwise` where it panicked.
///
/// # Safety
///
/// Both pointers are those that Envoy has given to the hook.
unsafe fn run<T>(
    stream: *mut c_void,
    filter: *const c_void,
    otherwise: T,
    hook: impl FnOnce(&mut Filter, &mut Stream<'_>) -> T,
) -> T {
    // SAFETY: made by `filter_new`; Envoy calls the hooks of a filter on one thread, one at a time,
    // but for those that run inside a callback of ours, which `Filter` does not let nest.
    let filter = unsafe { &mut *filter.cast_mut().cast::<Filter>() };
    // SAFETY: that of this hook, and dropped before it returns.
    let mut stream = unsafe { Stream::of_hook(stream) };
    let cork = Cork::new();
    let value = match catch_unwind(AssertUnwindSafe(|| hook(filter, &mut stream))) {
        Ok(value) => value,
        Err(_) => {
            let _ = catch_unwind(AssertUnwindSafe(|| filter.failed(&mut stream)));
            otherwise
        }
    };
    if cork.pull() {
        filter.flush_later(&stream);
    }
    value
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    stream: *mut c_void,
    filter: *const c_void,
    end: bool,
) -> HeadersStatus {
    // SAFETY: as Envoy gives them.
    unsafe {
        run(
            stream,
            filter,
            HeadersStatus::StopIteration,
            |it, stream| it.on_request_headers(stream, end),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    stream: *mut c_void,
    filter: *const c_void,
    end: bool,
) -> BodyStatus {
    // SAFETY: as Envoy gives them.
    unsafe {
        run(
            stream,
            filter,
            BodyStatus::StopIterationAndBuffer,
            |it, stream| it.on_request_body(stream, end),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    stream: *mut c_void,
    filter: *const c_void,
) -> TrailersStatus {
    // SAFETY: as Envoy gives them.
    unsafe {
        run(
            stream,
            filter,
            TrailersStatus::StopIteration,
            Filter::on_request_trailers,
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    stream: *mut c_void,
    filter: *const c_void,
    end: bool,
) -> HeadersStatus {
    // SAFETY: as Envoy gives them.
    unsafe {
        run(
            stream,
            filter,
            HeadersStatus::StopIteration,
            |it, stream| it.on_response_headers(stream, end),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_body(
    stream: *mut c_void,
    filter: *const c_void,
    end: bool,
) -> BodyStatus {
    // SAFETY: as Envoy gives them.
    unsafe {
        run(
            stream,
            filter,
            BodyStatus::StopIterationAndBuffer,
            |it, stream| it.on_response_body(stream, end),
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(
    stream: *mut c_void,
    filter: *const c_void,
) -> TrailersStatus {
    // SAFETY: as Envoy gives them.
    unsafe {
        run(
            stream,
            filter,
            TrailersStatus::StopIteration,
            Filter::on_response_trailers,
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(
    stream: *mut c_void,
    filter: *const c_void,
    event: u64,
) {
    // SAFETY: as Envoy gives them.
    let next = unsafe {
        run(stream, filter, Next::Wait, |it, stream| {
            it.on_scheduled(stream, event)
        })
    };
    // Any of these may call hooks of this filter, or destroy it: it is not borrowed any more.
    // SAFETY: that of this hook, and dropped before it returns.
    let mut stream = unsafe { Stream::of_hook(stream) };
    match next {
        Next::Wait => {}
        Next::Request => stream.continue_request(),
        Next::Response => stream.continue_response(),
        Next::Reply(reply) => respond(&mut stream, reply),
    }
}

#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_http_filter_local_reply(
    _stream: *mut c_void,
    _filter: *const c_void,
    _status: u32,
    _details: EnvoyBuffer,
    _reset_imminent: bool,
) -> u32 {
    LOCAL_REPLY_CONTINUE
}

/// Hooks that Envoy asks for and that this module has nothing to do in: it makes no calls of its
/// own through Envoy, and leaves back pressure to it.
macro_rules! unused_hooks {
    ($($name:ident($($argument:ty),*);)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name($(_: $argument),*) {}
        )*
    };
}

unused_hooks! {
    envoy_dynamic_module_on_http_filter_stream_complete(*mut c_void, *const c_void);
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(*mut c_void, *const c_void);
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(*mut c_void, *const c_void);
    envoy_dynamic_module_on_http_filter_http_callout_done(*mut c_void, *const c_void, u64, u32, *mut c_void, usize, *mut c_void, usize);
    envoy_dynamic_module_on_http_filter_http_stream_headers(*mut c_void, *const c_void, u64, *mut c_void, usize, bool);
    envoy_dynamic_module_on_http_filter_http_stream_data(*mut c_void, *const c_void, u64, *const c_void, usize, bool);
    envoy_dynamic_module_on_http_filter_http_stream_trailers(*mut c_void, *const c_void, u64, *mut c_void, usize);
    envoy_dynamic_module_on_http_filter_http_stream_complete(*mut c_void, *const c_void, u64);
    envoy_dynamic_module_on_http_filter_http_stream_reset(*mut c_void, *const c_void, u64, u32);
    envoy_dynamic_module_on_http_filter_config_scheduled(*mut c_void, *const c_void, u64);
}
