//! Log lines written in batches: a busy gateway writes one for each call, and a system call (and
//! a wake-up of whoever reads) for each line would cost more than making it.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// How long lines wait for company.
const GATHER: Duration = Duration::from_millis(20);
/// With more than this waiting, whoever logs writes by itself: memory stays bounded, and a slow
/// reader slows the writer down instead of losing lines.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// Where log lines go. Cheap to clone.
#[derive(Clone)]
pub(super) struct Batch(Arc<Shared>);

/// Writes what is left when it is dropped.
pub(crate) struct Flush {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Locked before `state` where both are, so that lines stay in order.
    sink: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    ended: bool,
}

// === impl Batch ===

impl Batch {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub(super) fn start(sink: Box<dyn Write + Send>) -> io::Result<(Self, Flush)> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            sink: Mutex::new(sink),
        });
        let writer = std::thread::Builder::new().name("log".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.write_batches()
        })?;
        let flush = Flush {
            shared: Arc::clone(&shared),
            writer: Some(writer),
        };
        Ok((Self(shared), flush))
    }
}

impl Write for Batch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        let first = state.waiting.is_empty();
        state.waiting.extend_from_slice(line);
        if state.ended || state.waiting.len() > WAITING_BYTES_MAX {
            drop(state);
            self.0.write_out();
        } else if first {
            self.0.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Batch {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A thread that panicked while it logged leaves whole bytes behind at worst.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_batches(&self) {
        loop {
            let state = self
                .changed
                .wait_while(self.state(), |state| {
                    state.waiting.is_empty() && !state.ended
                })
                .unwrap_or_else(PoisonError::into_inner);
            let ended = state.ended;
            drop(state);
            if !ended {
                std::thread::sleep(GATHER);
            }
            self.write_out();
            if ended {
                return;
            }
        }
    }

    fn write_out(&self) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut self.state().waiting);
        // Nobody is left to tell when the log cannot be written.
        let _ = sink.write_all(&lines);
        let _ = sink.flush();
    }
}

// === impl Flush ===

impl Drop for Flush {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.changed.notify_one();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::{Batch, WAITING_BYTES_MAX};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut sink = self.0.lock().unwrap();
            sink.0.extend_from_slice(bytes);
            sink.1 += 1;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_lines_are_written_in_order_and_in_few_writes() {
        let sink = Sink::default();
        let (mut batch, flush) = Batch::start(Box::new(sink.clone())).unwrap();
        let lines: Vec<String> = (0..1000).map(|line| format!("{line}\n")).collect();
        for line in &lines {
            batch.write_all(line.as_bytes()).unwrap();
        }
        drop(flush);
        batch.write_all(b"after the end\n").unwrap();
        let sink = sink.0.lock().unwrap();
        let expected = lines.concat() + "after the end\n";
        assert_eq!(String::from_utf8_lossy(&sink.0), expected);
        assert!(sink.1 < lines.len() / 2, "{} writes", sink.1);
    }

    #[test]
    fn what_waits_is_bounded() {
        let sink = Sink::default();
        let (mut batch, _flush) = Batch::start(Box::new(sink.clone())).unwrap();
        batch.write_all(&vec![b'x'; WAITING_BYTES_MAX + 1]).unwrap();
        assert_eq!(sink.0.lock().unwrap().0.len(), WAITING_BYTES_MAX + 1);
    }
}
