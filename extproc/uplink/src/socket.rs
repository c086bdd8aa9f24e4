//! A Unix stream whose task is woken by what comes, and by room to write only while it was full.
//!
//! A socket that is watched for room as well wakes its owner each time that the other end reads:
//! on the uplink that is a wake-up of both ends for each call, for nothing.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

use bytes::BytesMut;
use tokio::io::{Interest, unix::AsyncFd};

const READ_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Socket {
    stream: AsyncFd<UnixStream>,
}

/// What has come and is not taken yet.
pub(crate) struct Inbox {
    pub(crate) bytes: BytesMut,
    /// Where the kernel writes to: zeroed once, not for each read.
    space: Box<[u8]>,
}

// === impl Socket ===

impl Socket {
    /// Belongs to the runtime in which it is made; [`Socket::write`] may be called from anywhere.
    ///
    /// # Errors
    ///
    /// The runtime cannot watch it.
    pub(crate) fn new(stream: tokio::net::UnixStream) -> io::Result<Self> {
        let stream = stream.into_std()?;
        Ok(Self {
            stream: watched(stream, Interest::READABLE)?,
        })
    }

    /// Waits for bytes; how many, 0 at the end. Nothing is lost where this is dropped.
    pub(crate) async fn read(&self, inbox: &mut Inbox) -> io::Result<usize> {
        loop {
            let mut ready = self.stream.readable().await?;
            match ready.try_io(|stream| stream.get_ref().read(&mut inbox.space)) {
                Ok(Ok(count)) => {
                    // Less than there was room for: there is no more, and no need to ask.
                    if (1..READ_BYTES).contains(&count) {
                        ready.clear_ready();
                    }
                    inbox.bytes.extend_from_slice(&inbox.space[..count]);
                    return Ok(count);
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }

    /// Writes as much as the socket takes now.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: nothing. Others: it is broken.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.get_ref().write(bytes)
    }

    /// Waits until it takes something again.
    pub(crate) async fn room(&self) -> io::Result<()> {
        let stream = self.stream.get_ref().try_clone()?;
        let watched = watched(stream, Interest::WRITABLE)?;
        watched.writable().await.map(drop)
    }
}

#[expect(
    deprecated,
    reason = "its successor asks for unsafe code; std's stream has what both ask for, one descriptor until it is dropped"
)]
fn watched(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, interest)
}

// === impl Inbox ===

impl Default for Inbox {
    fn default() -> Self {
        Self {
            bytes: BytesMut::new(),
            space: vec![0; READ_BYTES].into_boxed_slice(),
        }
    }
}
