//! Frames: a length, the version of the wire, and a message as postcard writes it.

use bytes::{Buf, BytesMut};
use serde::{Serialize, de::DeserializeOwned};

/// Changes with every message that an older end would misread.
const VERSION: u8 = 2;
/// Length (4 bytes, little endian, of what follows it) and version.
const HEADER_BYTES: usize = 5;
/// Longest message, in bytes: a bundle of many thousand routes.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// Why what the other end says cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It is of another build.
    #[error("the uplink's other end speaks version {0}, this one speaks {VERSION}")]
    Version(u8),
    /// It is longer than any message.
    #[error("a message of {0} bytes on the uplink; the longest may have {MESSAGE_BYTES_MAX}")]
    TooLong(usize),
    /// It is no message.
    #[error("a message on the uplink cannot be read: {0}")]
    Message(#[from] postcard::Error),
}

/// Appends a message. What was there before stays whole if it cannot be written.
pub(crate) fn encode<T: Serialize>(message: &T, out: &mut BytesMut) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    let written = postcard::serialize_with_flavor(message, Appended(out));
    if let Err(error) = written {
        out.truncate(start);
        return Err(error.into());
    }
    let length = out.len() - start - HEADER_BYTES;
    if length > MESSAGE_BYTES_MAX {
        out.truncate(start);
        return Err(FrameError::TooLong(length));
    }
    // Bounded above.
    let counted = (length + 1) as u32;
    out[start..start + 4].copy_from_slice(&counted.to_le_bytes());
    out[start + 4] = VERSION;
    Ok(())
}

/// Takes the next whole message off the front; `None` until it is there.
pub(crate) fn next<T: DeserializeOwned>(inbox: &mut BytesMut) -> Result<Option<T>, FrameError> {
    let Some(header) = inbox.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let [a, b, c, d, version] = *header;
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length == 0 || length - 1 > MESSAGE_BYTES_MAX {
        return Err(FrameError::TooLong(length));
    }
    let whole = length - 1 + HEADER_BYTES;
    if inbox.len() < whole {
        inbox.reserve(whole - inbox.len());
        return Ok(None);
    }
    let message = postcard::from_bytes(&inbox[HEADER_BYTES..whole])?;
    inbox.advance(whole);
    Ok(Some(message))
}

/// Postcard's output, appended to a buffer.
struct Appended<'a>(&'a mut BytesMut);

impl postcard::ser_flavors::Flavor for Appended<'_> {
    type Output = ();

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.extend_from_slice(&[data]);
        Ok(())
    }

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use proptest::prelude::*;

    use super::{FrameError, VERSION, encode, next};
    use crate::wire::{Down, Figures};

    proptest! {
        /// A whole frame is never waited for, and what is no message ends the connection.
        #[test]
        fn any_body_of_a_whole_frame_is_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut frame = BytesMut::new();
            let length = u32::try_from(body.len() + 1).unwrap();
            frame.extend_from_slice(&length.to_le_bytes());
            frame.extend_from_slice(&[VERSION]);
            frame.extend_from_slice(&body);
            prop_assert!(!matches!(next::<Figures>(&mut frame.clone()), Ok(None)));
            match next::<Down>(&mut frame) {
                Ok(message) => prop_assert!(message.is_some() && frame.is_empty()),
                Err(error) => prop_assert!(matches!(error, FrameError::Message(_)), "{error}"),
            }
        }
    }

    #[test]
    fn messages_are_read_as_they_were_written_however_they_are_cut() {
        let mut written = BytesMut::new();
        for message in ["one", "", "three"] {
            encode(&message, &mut written).unwrap();
        }
        let mut inbox = BytesMut::new();
        let mut read = Vec::new();
        for byte in written {
            inbox.extend_from_slice(&[byte]);
            read.extend(next::<String>(&mut inbox).unwrap());
        }
        assert_eq!(read, ["one", "", "three"]);
        assert!(inbox.is_empty());
    }

    #[test]
    fn another_version_and_a_length_beyond_the_bound_are_refused() {
        let mut written = BytesMut::new();
        encode(&1_u64, &mut written).unwrap();
        written[4] = 9;
        assert!(matches!(
            next::<u64>(&mut written),
            Err(FrameError::Version(9))
        ));
        let mut endless = BytesMut::from(&[0xff, 0xff, 0xff, 0xff, super::VERSION][..]);
        assert!(matches!(
            next::<u64>(&mut endless),
            Err(FrameError::TooLong(_))
        ));
    }

    #[test]
    fn a_message_that_is_no_such_message_is_an_error() {
        let mut written = BytesMut::new();
        encode(&[0xff_u8; 20].as_slice(), &mut written).unwrap();
        assert!(next::<(String, String)>(&mut written).is_err());
    }
}
