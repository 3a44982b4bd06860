//! The connections that calls come on: how many there are, how long each may take, and how one is cut.
//!
//! A caller that sends its headers or body slowly, or does not take its answer, is let go of after a while, so that
//! none holds what others need.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use super::config::Limits;
use super::server::{Shared, handle};

/// The most that the headers of one call take.
const LARGEST_HEAD: usize = 64 * 1024;

/// Serves until told to stop, and then until open answers are written. Dropped, it ends every connection.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, limits: Limits) {
    let mut stopping = shared.stopping.subscribe();
    let open = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            // Those that have ended make room.
            Some(_) = tasks.join_next() => {}
            stream = accept(&listener), if tasks.len() < limits.connections => {
                tasks.spawn(converse(stream, Arc::clone(&shared), limits, open.watcher()));
            }
        }
    }
    drop(listener);
    open.shutdown().await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Out of file handles, or the caller is gone already: the next one may do better.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Answers the calls of one connection, one after another.
async fn converse(stream: TcpStream, shared: Arc<Shared>, limits: Limits, watcher: Watcher) {
    // Answers are written whole: waiting to fill a packet would only cost time.
    let _ = stream.set_nodelay(true);
    let cut = Cut::default();
    let service = service_fn(|request| {
        let (shared, cut) = (Arc::clone(&shared), cut.clone());
        async move { Ok::<_, Infallible>(handle(shared, cut, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.asking)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(Line::new(stream, cut.clone(), limits.taking)), service);
    // Whoever it broke for knows; there is nobody else to tell.
    let _ = watcher.watch(connection).await;
}

/// Says of a connection that it shall be reset instead of answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<AtomicBool>);

impl Cut {
    /// From now on.
    pub(crate) fn now(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A connection. Once cut, nothing is written any more and closing it resets it.
struct Line {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    cut: Cut,
}

impl Line {
    fn new(stream: TcpStream, cut: Cut, taking: Duration) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(taking));
        Self { stream: Box::pin(stream), cut }
    }

    fn check(&self) -> io::Result<()> {
        if self.cut.0.load(Ordering::Acquire) {
            self.stream.get_ref().set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(cx, to)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        self.stream.as_mut().poll_write(cx, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        self.stream.as_mut().poll_write_vectored(cx, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        self.stream.as_mut().poll_shutdown(cx)
    }
}

/// So many callers may knock before they are let in; the system may allow fewer.
const BACKLOG: u32 = 4_096;

/// Listens at this address of this machine; port 0: a free one.
pub(crate) fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port is free again as soon as the last double has left it.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}
