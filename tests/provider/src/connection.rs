//! One client connection: a TCP stream that can be told to end with a reset instead of a FIN.
//! Made by `server`, told by `play`.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Says how a connection ends once hyper lets go of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResetFlag(Arc<AtomicBool>);

/// A TCP stream under hyper.
pub(crate) struct Connection {
    stream: TokioIo<TcpStream>,
    reset: ResetFlag,
}

// === impl ResetFlag ===

impl ResetFlag {
    /// The connection will end with a TCP reset.
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) fn new(stream: TcpStream, reset: ResetFlag) -> Self {
        Self {
            stream: TokioIo::new(stream),
            reset,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.reset.0.load(Ordering::Acquire)
            && let Err(error) = self.stream.inner().set_zero_linger()
        {
            tracing::warn!(%error, "connection cannot be reset; it ends with a FIN");
        }
    }
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }
}
