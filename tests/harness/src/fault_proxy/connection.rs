//! One connection through the proxy: two pumps that look at the harm for each piece of data.

use std::{io, sync::atomic::Ordering, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    time::Instant,
};

use super::{Harm, Shared};

const PIECE_BYTES: usize = 64 << 10;
/// Pieces under way in one direction; more make the sender wait.
const PIECES_MAX: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// Bytes and when they may go on.
type Piece = (Instant, Vec<u8>);

/// Serves one client to the end of its connection.
pub(super) async fn serve(client: TcpStream, shared: &Shared) {
    let _ = client.set_nodelay(true);
    if *shared.harm.borrow() == Harm::Reset {
        let _ = client.set_zero_linger();
        return;
    }
    let Ok(server) = TcpStream::connect(shared.server).await else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = server.set_nodelay(true);
    // A connection that ends here ends with a reset: no harm looks like an orderly end.
    let _ = client.set_zero_linger();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (requests, sent) = mpsc::channel(PIECES_MAX);
    let (answers, told) = mpsc::channel(PIECES_MAX);
    let mut harm = shared.harm.subscribe();
    tokio::select! {
        () = read(from_client, Way::ToServer, requests, answers.clone(), shared) => {}
        () = read(from_server, Way::ToClient, answers, requests_nowhere(), shared) => {}
        _ = write(to_server, sent, shared) => {}
        _ = write(to_client, told, shared) => {}
        _ = harm.wait_for(|harm| *harm == Harm::Reset) => {}
    }
}

/// Answers are never answered.
fn requests_nowhere() -> mpsc::Sender<Piece> {
    mpsc::channel(1).0
}

/// Reads one direction until it ends or is broken off.
async fn read(
    mut from: OwnedReadHalf,
    way: Way,
    onward: mpsc::Sender<Piece>,
    back: mpsc::Sender<Piece>,
    shared: &Shared,
) {
    let mut buffer = vec![0; PIECE_BYTES];
    let mut unread = Vec::new();
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let bytes = buffer[..count].to_vec();
        let mut requests = 0;
        if way == Way::ToServer {
            unread.extend_from_slice(&bytes);
            requests = shared.note_requests(&mut unread);
        }
        let harm = shared.harm.borrow().clone();
        let mut delay = Duration::ZERO;
        match harm {
            Harm::Reset => return,
            Harm::BlackHole if way == Way::ToServer => continue,
            Harm::HalfOpen if way == Way::ToClient => continue,
            Harm::Answer(text) if way == Way::ToServer => {
                let answer = text.repeat(requests).into_bytes();
                if back.send((Instant::now(), answer)).await.is_err() {
                    return;
                }
                continue;
            }
            Harm::Latency(latency) => delay = latency,
            Harm::Flaky {
                resets,
                pauses,
                pause,
            } => {
                if shared.happens(resets) {
                    shared.resets.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                if shared.happens(pauses) {
                    shared.pauses.fetch_add(1, Ordering::Relaxed);
                    delay = pause;
                }
            }
            Harm::None | Harm::Hang | Harm::BlackHole | Harm::HalfOpen | Harm::Answer(_) => {}
        }
        if onward.send((Instant::now() + delay, bytes)).await.is_err() {
            return;
        }
    }
}

/// Writes one direction, each piece when its time has come and nothing hangs.
async fn write(
    mut to: OwnedWriteHalf,
    mut pieces: mpsc::Receiver<Piece>,
    shared: &Shared,
) -> io::Result<()> {
    let mut harm = shared.harm.subscribe();
    while let Some((due, bytes)) = pieces.recv().await {
        tokio::time::sleep_until(due).await;
        if harm.wait_for(|harm| *harm != Harm::Hang).await.is_err() {
            return Ok(());
        }
        to.write_all(&bytes).await?;
    }
    Ok(())
}
