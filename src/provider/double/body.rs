//! The body of a call: read whole, up to a limit, and within a time. Neither a large body nor many of them at once
//! take more memory than is said here, and whoever sent too much can still read the answer.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use tokio::sync::Semaphore;

use super::error::ApiError;

/// The largest body that is kept. Stripe does not say where its own limit is; its largest documented parameters are a
/// few kilobytes.
const LARGEST: usize = 2 * 1024 * 1024;
/// A larger one that is declared is not read at all: the connection closes after the answer.
const MOST_READ_PAST: u64 = 64 * 1024 * 1024;
/// Bodies up to this are read without waiting: they are bounded by the number of connections.
const SMALL: u64 = 64 * 1024;
/// So many larger ones are read at the same time.
const LARGE_AT_ONCE: usize = 32;

/// Where bodies are read.
#[derive(Debug)]
pub(crate) struct Bodies {
    large: Semaphore,
    within: Duration,
}

impl Bodies {
    /// A body that takes longer than `within` is refused.
    pub(crate) fn new(within: Duration) -> Self {
        Self { large: Semaphore::new(LARGE_AT_ONCE), within }
    }

    /// The whole body.
    ///
    /// # Errors
    /// It is too large, does not come in time, or breaks off.
    pub(crate) async fn read<B>(&self, headers: &HeaderMap, body: B) -> Result<Bytes, ApiError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let declared = body.size_hint().upper();
        let too_large = declared.is_some_and(|size| size > LARGEST as u64);
        // A caller that asks first is told before it sends anything.
        let asks_first = headers.contains_key(http::header::EXPECT);
        if too_large && (asks_first || declared.is_some_and(|size| size > MOST_READ_PAST)) {
            return Err(ApiError::too_large());
        }
        let read = async {
            let _place = match declared {
                Some(..=SMALL) => None,
                _ if too_large => None,
                _ => self.large.acquire().await.ok(),
            };
            whole(body).await
        };
        tokio::time::timeout(self.within, read).await.unwrap_or_else(|_| Err(ApiError::too_slow()))
    }
}

async fn whole<B>(mut body: B) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let hint = body.size_hint().lower();
    if hint <= LARGEST as u64 {
        match Limited::new(&mut body, LARGEST).collect().await {
            Ok(collected) => return Ok(collected.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {}
            Err(_) => return Err(ApiError::invalid("The request body could not be read.")),
        }
    }
    // What is left is read and forgotten: a connection that is closed before it has come would be reset, and the
    // answer lost with it.
    let mut seen = 0_u64;
    while let Some(Ok(frame)) = body.frame().await {
        seen = seen.saturating_add(frame.data_ref().map_or(0, Bytes::len) as u64);
        if seen > MOST_READ_PAST {
            break;
        }
    }
    Err(ApiError::too_large())
}
