//! What the target prints: always read, kept in bounds.
//!
//! A process that prints without end must neither wait for us nor fill our memory: every byte is read at
//! once, and only the last [`MAX_LINES`] lines (at most [`MAX_BYTES`]) are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(feature = "container")]
use futures_util::StreamExt;
#[cfg(feature = "container")]
use testcontainers::bollard::{container::LogOutput, errors::Error as EngineError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

use super::plain::plain;
use crate::time::Clock;

/// Lines kept of a process.
const MAX_LINES: usize = 2_000;
/// Bytes kept of a process, over all its lines.
const MAX_BYTES: usize = 4 << 20;
/// Bytes kept of a line; the rest of it is dropped and marked.
const MAX_LINE: usize = 64 << 10;
/// Stands where the rest of a line was dropped.
const CUT_MARK: &str = " … (cut)";

/// A line that the target printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Which process.
    pub process: String,
    /// Where it printed it.
    pub stream: Stream,
    /// When it was read, on the launch's clock.
    pub at: Duration,
    /// Without its end, colours and other control characters; what is not UTF-8 is replaced, what is over
    /// 64 KB is cut and marked.
    pub text: String,
}

/// One of the two outputs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The output of one process, filled by a reader per stream.
#[derive(Debug)]
pub(super) struct Log {
    kept: Mutex<Kept>,
    seen: watch::Sender<Seen>,
}

/// What can be awaited about a log.
#[derive(Debug, Clone, Copy)]
struct Seen {
    wanted: bool,
    open_streams: usize,
}

impl Log {
    /// An empty log that looks out for `wanted` from the first byte on.
    pub(super) fn new(process: &str, wanted: Option<&str>) -> Arc<Self> {
        let kept = Kept {
            process: process.to_owned(),
            wanted: wanted.map(str::to_owned),
            lines: VecDeque::new(),
            bytes: 0,
            unfinished: [Unfinished::default(), Unfinished::default()],
        };
        Arc::new(Self {
            kept: Mutex::new(kept),
            seen: watch::Sender::new(Seen { wanted: false, open_streams: 2 }),
        })
    }

    /// Reads `pipe` to its end.
    pub(super) async fn drain(
        self: Arc<Self>,
        stream: Stream,
        mut pipe: impl AsyncRead + Unpin,
        clock: Clock,
    ) {
        let mut chunk = vec![0; 16 << 10];
        // An error of a pipe means the same as its end: there is nothing more to read.
        while let Ok(count @ 1..) = pipe.read(&mut chunk).await {
            self.feed(stream, clock.elapsed(), &chunk[..count]);
        }
        self.end(stream);
    }

    fn end(&self, stream: Stream) {
        let wanted = self.kept().end_stream(stream);
        self.seen.send_modify(|seen| {
            seen.wanted |= wanted;
            seen.open_streams = seen.open_streams.saturating_sub(1);
        });
    }

    /// Reads what a container prints to its end.
    #[cfg(feature = "container")]
    pub(super) async fn follow(
        self: Arc<Self>,
        mut output: impl futures_util::Stream<Item = Result<LogOutput, EngineError>> + Unpin,
        clock: Clock,
    ) {
        // An error means the same as the end: there is nothing more to read.
        while let Some(Ok(chunk)) = output.next().await {
            let stream = match chunk {
                LogOutput::StdErr { .. } => Stream::Stderr,
                LogOutput::StdOut { .. } | LogOutput::StdIn { .. } | LogOutput::Console { .. } => {
                    Stream::Stdout
                }
            };
            self.feed(stream, clock.elapsed(), &chunk.into_bytes());
        }
        self.end(Stream::Stdout);
        self.end(Stream::Stderr);
    }

    fn feed(&self, stream: Stream, at: Duration, chunk: &[u8]) {
        if self.kept().feed(stream, at, chunk) {
            self.seen.send_modify(|seen| seen.wanted = true);
        }
    }

    /// Resolves once the wanted text was printed; never, where none was.
    pub(super) async fn wanted(&self) {
        self.until(|seen| seen.wanted).await;
    }

    /// Resolves once both streams have ended.
    pub(super) async fn closed(&self) {
        self.until(|seen| seen.open_streams == 0).await;
    }

    async fn until(&self, condition: impl Fn(&Seen) -> bool) {
        // It fails only when the sender is gone, and `self` holds it.
        let _ = self.seen.subscribe().wait_for(condition).await;
    }

    /// The last lines, an unfinished one included.
    pub(super) fn tail(&self, count: usize) -> Vec<LogLine> {
        let lines = self.since(Duration::ZERO);
        let skipped = lines.len().saturating_sub(count);
        lines.into_iter().skip(skipped).collect()
    }

    /// The kept lines that were read at `since` or later, an unfinished one included.
    pub(super) fn since(&self, since: Duration) -> Vec<LogLine> {
        self.kept().lines_since(since)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics while it is held; were it so, the lines would still be good.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Kept {
    process: String,
    wanted: Option<String>,
    lines: VecDeque<LogLine>,
    bytes: usize,
    unfinished: [Unfinished; 2],
}

impl Kept {
    /// Takes in what was read; whether the wanted text was now seen, for the first time.
    fn feed(&mut self, stream: Stream, at: Duration, chunk: &[u8]) -> bool {
        let mut seen = false;
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.unfinished[stream as usize].extend(&rest[..end], at);
            seen |= self.end_line(stream);
            rest = &rest[end + 1..];
        }
        self.unfinished[stream as usize].extend(rest, at);
        // A prompt has no line end, and may be just what is waited for.
        let seen = seen || (self.wanted.is_some() && self.notice(&self.unfinished[stream as usize].text()));
        if seen {
            self.wanted = None;
        }
        seen
    }

    /// A stream may end within a line.
    fn end_stream(&mut self, stream: Stream) -> bool {
        !self.unfinished[stream as usize].bytes.is_empty() && self.end_line(stream)
    }

    fn end_line(&mut self, stream: Stream) -> bool {
        let line = std::mem::take(&mut self.unfinished[stream as usize]);
        let text = line.text();
        let seen = self.notice(&text);
        self.bytes += text.len();
        self.lines.push_back(LogLine { process: self.process.clone(), stream, at: line.at, text });
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
        seen
    }

    fn notice(&self, text: &str) -> bool {
        self.wanted.as_deref().is_some_and(|wanted| text.contains(wanted))
    }

    fn lines_since(&self, since: Duration) -> Vec<LogLine> {
        let unfinished = [Stream::Stdout, Stream::Stderr].into_iter().filter_map(|stream| {
            let line = &self.unfinished[stream as usize];
            let text = || LogLine { process: self.process.clone(), stream, at: line.at, text: line.text() };
            (!line.bytes.is_empty()).then(text)
        });
        self.lines.iter().cloned().chain(unfinished).filter(|line| line.at >= since).collect()
    }
}

/// A line whose end has not been read yet.
#[derive(Debug, Default)]
struct Unfinished {
    bytes: Vec<u8>,
    cut: bool,
    at: Duration,
}

impl Unfinished {
    fn extend(&mut self, more: &[u8], at: Duration) {
        let room = MAX_LINE - self.bytes.len();
        self.cut |= more.len() > room;
        self.bytes.extend_from_slice(&more[..more.len().min(room)]);
        self.at = at;
    }

    fn text(&self) -> String {
        let mut text = plain(&String::from_utf8_lossy(&self.bytes)).into_owned();
        if self.cut {
            text.push_str(CUT_MARK);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: Duration = Duration::from_secs(1);

    fn texts(log: &Log) -> Vec<String> {
        log.since(Duration::ZERO).into_iter().map(|line| line.text).collect()
    }

    fn fed(chunks: &[&[u8]]) -> Arc<Log> {
        let log = Log::new("web", None);
        chunks.iter().for_each(|chunk| log.feed(Stream::Stdout, AT, chunk));
        log
    }

    #[rstest::rstest]
    #[case::one(b"one\n", &["one"])]
    #[case::in_pieces(b"on|e\nt|wo\n", &["one", "two"])]
    #[case::unfinished(b"one\nPassword: ", &["one", "Password: "])]
    #[case::empty_line(b"\n\na\n", &["", "", "a"])]
    #[case::dos(b"one\r\ntwo\r|\n", &["one", "two"])]
    #[case::not_utf8(b"caf\xe9\n", &["caf\u{fffd}"])]
    #[case::colours(b"\x1b[3|2mup\x1b[0m\n", &["up"])]
    #[case::nothing(b"", &[])]
    fn lines_are_what_was_printed(#[case] chunks: &[u8], #[case] expected: &[&str]) {
        let chunks: Vec<_> = chunks.split(|byte| *byte == b'|').collect();
        assert_eq!(texts(&fed(&chunks)), expected);
    }

    #[test]
    fn a_line_without_end_is_cut_and_marked() {
        let log = Log::new("web", None);
        for _ in 0..1_000 {
            log.feed(Stream::Stderr, AT, &[b'x'; 1_000]);
        }
        log.feed(Stream::Stderr, AT, b"\nnext\n");
        let [long, next] = &texts(&log)[..] else { panic!("two lines") };
        assert_eq!((long.len(), next.as_str()), (MAX_LINE + CUT_MARK.len(), "next"));
        assert!(long.ends_with(CUT_MARK));
    }

    #[rstest::rstest]
    #[case::many_lines(10_000, 10)]
    #[case::long_lines(100, MAX_LINE)]
    fn only_the_last_lines_are_kept(#[case] count: usize, #[case] length: usize) {
        let log = Log::new("web", None);
        let line = [vec![b'x'; length - 1], b"\n".to_vec()].concat();
        (0..count).for_each(|_| log.feed(Stream::Stdout, AT, &line));
        log.feed(Stream::Stdout, AT, b"last\n");
        let kept = texts(&log);
        assert!(kept.len() <= MAX_LINES && kept.iter().map(String::len).sum::<usize>() <= MAX_BYTES);
        assert!(kept.len() > 50, "not emptied either: {}", kept.len());
        assert_eq!(kept.last().map(String::as_str), Some("last"));
    }

    #[test]
    fn since_and_tail_take_the_newest() {
        let log = Log::new("web", None);
        for second in 1..=5 {
            log.feed(Stream::Stdout, Duration::from_secs(second), format!("line {second}\n").as_bytes());
        }
        let since: Vec<_> = log.since(Duration::from_secs(4)).into_iter().map(|line| line.text).collect();
        assert_eq!(since, ["line 4", "line 5"]);
        let tail: Vec<_> = log.tail(3).into_iter().map(|line| line.text).collect();
        assert_eq!(tail, ["line 3", "line 4", "line 5"]);
    }

    #[tokio::test]
    async fn a_wanted_text_is_seen_across_chunks_and_after_a_flood_pushed_it_out() {
        let log = Log::new("web", Some("listening on"));
        log.feed(Stream::Stdout, AT, b"now liste");
        log.feed(Stream::Stdout, AT, b"ning on 3000");
        (0..MAX_LINES + 1).for_each(|_| log.feed(Stream::Stdout, AT, b"\n"));
        assert!(!texts(&log).iter().any(|text| text.contains("listening")));
        log.wanted().await;
    }

    #[tokio::test]
    async fn a_text_split_between_the_two_streams_is_not_seen() {
        let log = Log::new("web", Some("up"));
        log.feed(Stream::Stdout, AT, b"u");
        log.feed(Stream::Stderr, AT, b"p\n");
        assert!(futures_util::FutureExt::now_or_never(log.wanted()).is_none());
    }

    #[tokio::test]
    async fn both_streams_are_read_to_their_ends() {
        let log = Log::new("web", None);
        Arc::clone(&log).drain(Stream::Stdout, &b"one\ntwo"[..], Clock::start()).await;
        assert!(futures_util::FutureExt::now_or_never(log.closed()).is_none());
        Arc::clone(&log).drain(Stream::Stderr, &b"three\n"[..], Clock::start()).await;
        log.closed().await;
        assert_eq!(texts(&log), ["one", "two", "three"]);
    }

    proptest! {
        #[test]
        fn how_output_is_chunked_does_not_change_its_lines(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(0usize..200, 0..5),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(texts(&fed(&chunks)), texts(&fed(&[&bytes])));
        }
    }
}
