use std::sync::Mutex;

use async_trait::async_trait;
use rstest::rstest;

use super::*;
use crate::notify::{SendError, sample};

/// Answers as it is told to, then takes everything; keeps what it was asked, in a list that several may share.
#[derive(Clone, Default)]
struct Scripted {
    name: &'static str,
    answers: Arc<Mutex<Vec<Again>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Notifier for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        let Notice { change, subject, more, .. } = notice;
        let said = format!("{}{} {}+{more}", self.name, change.as_str(), subject.fingerprint);
        self.asked.lock().unwrap().push(said);
        let mut answers = self.answers.lock().unwrap();
        if answers.is_empty() {
            return Ok(());
        }
        Err(SendError { problem: "be heard".into(), again: answers.remove(0) })
    }
}

impl Scripted {
    fn answering(answers: &[Again]) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.to_vec())), ..Self::default() }
    }

    fn said(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Time in which nobody waits; how long the pauses were.
fn no_time() -> (Pause, Arc<Mutex<Vec<u128>>>) {
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&pauses);
    let pause: Pause = Arc::new(move |pause| {
        kept.lock().unwrap().push(pause.as_millis());
        Box::pin(tokio::task::yield_now())
    });
    (pause, pauses)
}

fn channel(name: &str, notifier: &Scripted) -> Channel<'static> {
    let on = [Change::Opened, Change::Resolved].into();
    let filter = Filter { on, severity: Severity::Medium };
    Channel { name: name.into(), notifier: Box::new(notifier.clone()), filter }
}

fn notice(change: Change, fingerprint: &str, severity: Severity) -> Notice {
    let mut notice = sample::notice(change);
    notice.subject.fingerprint = fingerprint.into();
    notice.subject.severity = severity;
    notice
}

#[rstest]
#[case::at_once(&[], 1, &[], None)]
#[case::later(&[Again::Yes, Again::Yes], 3, &[500, 1_000], None)]
#[case::as_asked(&[Again::After(Duration::from_secs(7)), Again::Yes], 3, &[7_000, 1_000], None)]
#[case::not_sooner(&[Again::After(Duration::from_millis(1))], 2, &[500], None)]
#[case::not_for_ever(&[Again::After(Duration::from_secs(86_400))], 2, &[30_000], None)]
#[case::refused(&[Again::No], 1, &[], Some("be heard"))]
#[case::refused_later(&[Again::Yes, Again::No], 2, &[500], Some("be heard"))]
#[case::never(&[Again::Yes; 9], 5, &[500, 1_000, 2_000, 4_000], Some("be heard"))]
#[case::never_as_asked(&[Again::After(Duration::ZERO); 9], 5, &[500, 1_000, 2_000, 4_000], Some("be heard"))]
#[tokio::test]
async fn a_message_is_tried_again(
    #[case] answers: &[Again],
    #[case] attempts: u32,
    #[case] expected: &[u128],
    #[case] problem: Option<&str>,
) {
    let scripted = Scripted::answering(answers);
    let notices = [notice(Change::Opened, "a", Severity::High)];
    let (pause, pauses) = no_time();
    let channels = [channel("oncall", &scripted)];
    let receipts = tell(&channels, &notices, &mut Told::default(), Policy::USUAL, &pause).await;
    let [receipt] = receipts.as_slice() else { panic!("{receipts:?}") };
    assert_eq!((receipt.attempts, receipt.problem.as_deref()), (attempts, problem));
    assert_eq!(*pauses.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_change_is_told_once_and_what_did_not_arrive_is_told_later() {
    let scripted = Scripted::answering(&[Again::No]);
    let channels = [channel("oncall", &scripted)];
    let (mut told, (pause, _)) = (Told::default(), no_time());
    // A repeated case has the fingerprint of the first.
    let notices = [
        notice(Change::Opened, "a", Severity::High),
        notice(Change::Opened, "a", Severity::High),
        notice(Change::Opened, "b", Severity::High),
    ];
    let receipts = tell(&channels, &notices, &mut told, Policy::USUAL, &pause).await;
    let failed: Vec<bool> = receipts.iter().map(|receipt| receipt.problem.is_some()).collect();
    assert_eq!(failed, [true, false]);
    assert_eq!(
        receipts[0].remark().unwrap(),
        "`oncall` (scripted) was not told that incident a was opened: failed to be heard (1 try)"
    );
    assert_eq!(receipts[1].remark(), None);
    tell(&channels, &notices, &mut told, Policy::USUAL, &pause).await;
    let resolved = [notice(Change::Resolved, "b", Severity::High)];
    tell(&channels, &resolved, &mut told, Policy::USUAL, &pause).await;
    assert_eq!(scripted.said(), ["opened a+0", "opened b+0", "opened a+0", "resolved b+0"]);
}

#[rstest]
#[case(Change::Opened, Severity::Medium, true)]
#[case(Change::Opened, Severity::Low, false)]
#[case(Change::Updated, Severity::Critical, false)]
#[case(Change::Resolved, Severity::Critical, true)]
#[tokio::test]
async fn a_notifier_hears_what_it_wants(
    #[case] change: Change,
    #[case] severity: Severity,
    #[case] expected: bool,
) {
    let scripted = Scripted::default();
    let channels = [channel("oncall", &scripted)];
    let notices = [notice(change, "a", severity)];
    let (pause, _) = no_time();
    tell(&channels, &notices, &mut Told::default(), Policy::USUAL, &pause).await;
    assert_eq!(!scripted.said().is_empty(), expected);
    let test = Notice::test(change, "acme", "ci", notices[0].at);
    tell(&channels, &[test], &mut Told::default(), Policy::USUAL, &pause).await;
    assert_eq!(scripted.said().len(), 1 + usize::from(expected), "a test is for everybody");
}

#[tokio::test]
async fn one_that_takes_nothing_is_not_waited_for_again_and_again() {
    let scripted = Scripted::answering(&[Again::Yes; 6]);
    let notices: Vec<Notice> =
        ["a", "b", "c"].iter().map(|name| notice(Change::Opened, name, Severity::High)).collect();
    let (pause, pauses) = no_time();
    let channels = [channel("oncall", &scripted)];
    let receipts = tell(&channels, &notices, &mut Told::default(), Policy::USUAL, &pause).await;
    let attempts: Vec<u32> = receipts.iter().map(|receipt| receipt.attempts).collect();
    assert_eq!((attempts, pauses.lock().unwrap().len()), (vec![5, 1, 1], 4));
    assert_eq!(receipts[2].problem, None);
}

/// A run that fails as a whole is one thing to look at.
#[tokio::test]
async fn many_are_not_told_one_by_one() {
    let scripted = Scripted::default();
    let mut notices: Vec<Notice> =
        (0..60).map(|number| notice(Change::Opened, &format!("{number}"), Severity::Medium)).collect();
    notices.push(notice(Change::Opened, "gravest", Severity::Critical));
    let (pause, _) = no_time();
    let channels = [channel("oncall", &scripted)];
    let receipts = tell(&channels, &notices, &mut Told::default(), Policy::USUAL, &pause).await;
    assert_eq!(receipts.len(), 10);
    let said = scripted.said();
    assert_eq!(said.first().unwrap(), "opened gravest+0");
    assert_eq!(said.last().unwrap(), "opened 8+51");
}

#[tokio::test]
async fn one_notifier_does_not_hold_up_another() {
    let asked = Arc::default();
    let scripted = |name, answers: &[Again]| Scripted {
        name,
        asked: Arc::clone(&asked),
        ..Scripted::answering(answers)
    };
    let slow = scripted("slow ", &[Again::Yes; 2]);
    let quick = scripted("quick ", &[]);
    let channels = [channel("slow", &slow), channel("quick", &quick)];
    let notices = [notice(Change::Opened, "a", Severity::High), notice(Change::Opened, "b", Severity::High)];
    let (pause, _) = no_time();
    tell(&channels, &notices, &mut Told::default(), Policy::USUAL, &pause).await;
    let expected = ["slow opened a+0", "quick opened a+0", "quick opened b+0", "slow opened a+0"];
    assert_eq!(asked.lock().unwrap()[..4], expected);
}
