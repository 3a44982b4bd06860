//! What the double does not model is asked of a stripe-mock; and so are the parameters of all calls, where that is
//! wanted.

use std::time::Duration;

use rstest::rstest;

use super::*;
use crate::provider::upstream::stand_in::{Asked, Says, StandIn};
use crate::provider::upstream::{Limits as MockLimits, StripeMock, Why};

const QUICK: MockLimits = MockLimits { answer: Duration::from_millis(200), largest: 64 * 1024 };
const SOON: Duration = Duration::from_millis(500);

/// What the stand-in says of calls that are like this.
fn of(calls: &'static str, says: Says) -> impl Fn(&Asked) -> Option<Says> + Send + Sync {
    move |asked| asked.call.starts_with(calls).then(|| says.clone())
}

struct Pair {
    stand: Stand,
    mock: StandIn,
    app: App,
}

impl Pair {
    async fn new(
        odd: impl Fn(&Asked) -> Option<Says> + Send + Sync + 'static,
        check_parameters: bool,
    ) -> Self {
        let mock = StandIn::knowing(odd).await;
        let upstream = StripeMock::find(&mock.url, SOON, QUICK).await.unwrap();
        let beside = Beside { upstream: Arc::new(upstream), check_parameters };
        let stand = Stand::with(DoubleConfig { beside, ..DoubleConfig::default() }, 7).await;
        let app = App::of(&stand);
        Self { stand, mock, app }
    }

    async fn passing(odd: impl Fn(&Asked) -> Option<Says> + Send + Sync + 'static) -> Self {
        Self::new(odd, false).await
    }

    async fn checking(odd: impl Fn(&Asked) -> Option<Says> + Send + Sync + 'static) -> Self {
        Self::new(odd, true).await
    }

    fn customer(&self) -> String {
        text(&self.stand.truth()["customer"], "id").to_owned()
    }

    /// Path of the customer of the case.
    fn path(&self) -> String {
        format!("/v1/customers/{}", self.customer())
    }

    fn closed(&self) -> Closed {
        self.stand.double.close(CASE)
    }
}

#[tokio::test]
async fn what_the_double_does_not_model_is_answered_there_and_told_so() {
    let pair = Pair::passing(|_| None).await;
    let mut calls = pair.stand.double.calls().unwrap();
    let got = pair.app.post("/v1/reviews", &format!("customer={}", pair.customer())).await;
    assert_eq!((got.status, text(&got.json(), "id")), (200, "sample_1"));
    assert!(got.header("request-id").starts_with("req_"), "ours");
    assert_eq!(got.header("stripe-version"), "", "whose shape it has is not known");
    let call = calls.recv().await.unwrap();
    assert_eq!((call.kind, call.status, call.case), (CallKind::PassedOn, 200, Some(CASE)));
    let said = Said { by: "stripe-mock 0.0.1".into(), what: Judgement::Fits };
    assert_eq!(call.beside, Some(said));
    // What it models it answers itself, and asks nobody.
    assert_eq!(pair.app.get(&pair.path()).await.status, 200);
    assert_eq!(calls.recv().await.unwrap().beside, None);
    assert_eq!(pair.mock.calls(), ["POST /v1/reviews"]);
    assert_eq!(pair.closed(), Closed::default(), "nothing is refused");
}

#[tokio::test]
async fn a_parameter_that_is_not_modelled_and_a_foreign_account_are_passed_on_too() {
    let pair = Pair::passing(|_| None).await;
    let path = pair.path();
    let got = pair.app.post(&path, "cash_balance[settings][reconciliation_mode]=manual&tax[x]=1").await;
    let of_other = pair.app.send("GET", "/v1/customers", "", &[("stripe-account", "acct_1")]).await.unwrap();
    let file = [("content-type", "multipart/form-data; boundary=x")];
    let file = pair.app.send("POST", "/v1/files", "--x--\r\n", &file).await.unwrap();
    assert_eq!((of_other.status, file.status), (200, 200));
    let calls = pair.mock.calls();
    assert!(
        calls.ends_with(&["GET /v1/customers".into(), "POST /v1/files".into()]),
        "{calls:?} {}",
        got.text
    );
    let asked = pair.mock.asked();
    assert!(asked.iter().all(|asked| asked.header("stripe-account").is_none()), "{asked:?}");
}

#[rstest]
#[case::no_key("GET", "/v1/reviews", &[("authorization", "")], 401)]
#[case::live_key("GET", "/v1/reviews", &[("authorization", "Bearer sk_live_1")], 401)]
#[case::version_of_another_age("GET", "/v1/reviews", &[("stripe-version", "2019-12-03")], 501)]
#[case::no_version("GET", "/v1/reviews", &[("stripe-version", "newest")], 400)]
#[case::v2("GET", "/v2/core/accounts", &[], 501)]
#[tokio::test]
async fn what_is_no_call_of_the_v1_api_is_not_passed_on(
    #[case] method: &str,
    #[case] path: &str,
    #[case] headers: &[(&str, &str)],
    #[case] status: u16,
) {
    for check_parameters in [false, true] {
        let pair = Pair::new(|_| None, check_parameters).await;
        let url = format!("{}{path}", pair.app.url);
        let mut request = pair.app.client.request(method.parse().unwrap(), url);
        let own_key = headers.iter().any(|(name, _)| *name == "authorization");
        let key = (!own_key).then_some(("authorization", "Bearer sk_test_app"));
        for (name, value) in headers.iter().copied().chain(key) {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status().as_u16(), status);
        assert_eq!(pair.mock.calls(), [""; 0], "{path}");
    }
}

#[tokio::test]
async fn what_nobody_knows_is_refused_by_name_as_ever() {
    let unknown = Says::error(404, "Unrecognized request URL (GET: /v1/nothing).");
    let pair = Pair::passing(of("GET /v1/nothing", unknown)).await;
    let mut calls = pair.stand.double.calls().unwrap();
    let (status, message) = pair.app.get(&format!("/v1/nothing?customer={}", pair.customer())).await.error();
    assert_eq!((status, message.as_str()), (501, "provider double: GET /v1/nothing is not modelled"));
    assert_eq!(calls.recv().await.unwrap().kind, CallKind::Refused);
    let refused = "provider double: GET /v1/nothing is not modelled, and stripe-mock 0.0.1 does not know it";
    assert_eq!(pair.closed().refused, [refused]);
}

#[rstest]
#[case::slow(Says::Nothing, "within 200 ms")]
#[case::huge(Says::Endless, "larger than 65536 bytes")]
#[case::garbage(Says::Raw(b"\r\n\r\n\r\n".to_vec()), "reach stripe-mock at http://127.0.0.1:")]
#[case::out_of_order(Says::error(500, "An internal error occurred."), "An internal error occurred.")]
#[case::another_program(
    Says::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec()),
    "without the header Stripe-Mock-Version"
)]
#[tokio::test]
async fn an_answer_that_says_nothing_makes_the_case_untold(#[case] says: Says, #[case] expected: &str) {
    let pair = Pair::checking(of("POST", says)).await;
    let body = format!("customer={}", pair.customer());
    assert_eq!(pair.app.post("/v1/reviews", &body).await.status, 501, "never an answer that is none");
    assert_eq!(pair.app.post(&pair.path(), "name=Jenny").await.status, 200, "the double answers itself");
    let Closed { refused, found } = pair.closed();
    assert_eq!((refused, found.refused), (Vec::new(), Vec::new()));
    let [passed, checked] = found.untold.as_slice() else { panic!("{:?}", found.untold) };
    assert_eq!((passed.misled, checked.misled), (true, expected.starts_with("within")));
    let (passed, checked) = (&passed.why, &checked.why);
    assert!(passed.contains("the app asked for POST /v1/reviews, which is passed on"), "{passed}");
    assert!(
        checked.starts_with("the parameters of POST /v1/customers/{id} could not be checked"),
        "{checked}"
    );
    assert!(passed.contains(expected) && checked.contains(expected), "{passed}\n{checked}");
}

#[tokio::test]
async fn a_mock_that_goes_away_in_the_middle_is_told_of() {
    let pair = Pair::checking(|_| None).await;
    assert_eq!(pair.app.get(&pair.path()).await.status, 200);
    let (path, Pair { stand, mock, app }) = (pair.path(), pair);
    mock.stop().await;
    assert_eq!(app.get(&path).await.status, 200);
    let found = stand.double.close(CASE).found;
    let [untold] = found.untold.as_slice() else { panic!("{found:?}") };
    let why = &untold.why;
    assert!(why.contains("GET /v1/customers/{id}") && why.contains("reach stripe-mock"), "{why}");
}

const UNKNOWN: &str = "additional properties are not allowed: colour";

#[tokio::test]
async fn a_refused_parameter_is_found_with_its_call_and_its_name() {
    let pair = Pair::checking(of("POST /v1/customers/", Says::refused(UNKNOWN))).await;
    let mut calls = pair.stand.double.calls().unwrap();
    for _ in 0..2 {
        assert_eq!(pair.app.post(&pair.path(), "metadata[a]=1").await.status, 200, "the app is not told");
    }
    let call = calls.recv().await.unwrap();
    assert!(matches!(call.beside.unwrap().what, Judgement::Refused(_)));
    let found = pair.closed().found;
    let [refused] = found.refused.as_slice() else { panic!("{found:?}") };
    assert_eq!(refused.call, "POST /v1/customers/{id}");
    assert_eq!(refused.by, "stripe-mock 0.0.1");
    assert_eq!(
        (refused.refusal.params.as_slice(), refused.refusal.why),
        (&["colour".to_owned()][..], Why::Unknown)
    );
    assert_eq!(found.untold, []);
}

#[tokio::test]
async fn a_refusal_of_what_is_passed_on_is_the_apps_answer_and_a_finding_only_where_it_is_wanted() {
    for check_parameters in [false, true] {
        let pair = Pair::new(of("POST /v1/reviews", Says::refused(UNKNOWN)), check_parameters).await;
        let got = pair.app.post("/v1/reviews", &format!("customer={}", pair.customer())).await;
        assert_eq!(got.status, 400, "{}", got.text);
        assert!(got.text.contains(UNKNOWN), "{}", got.text);
        assert_eq!(!pair.closed().found.refused.is_empty(), check_parameters);
    }
}

#[tokio::test]
async fn what_a_fault_meets_and_what_the_double_refuses_is_checked_too() {
    let pair = Pair::checking(|_| None).await;
    let fault = |effect| ApiFault { call: "GET /v1/customers/*".into(), effect, times: Some(1) };
    pair.stand.double.arm(CASE, vec![fault(Effect::Refusal(500.into()))]);
    assert_eq!(pair.app.get(&pair.path()).await.status, 500);
    assert_eq!(pair.app.post(&pair.path(), "colour=red").await.status, 400);
    assert_eq!(pair.mock.calls(), [format!("GET {}", pair.path()), format!("POST {}", pair.path())]);
}

#[tokio::test]
async fn a_route_that_only_the_double_knows_cannot_be_checked() {
    let unknown = Says::error(404, "Unrecognized request URL (GET: /v1/x).");
    let pair = Pair::checking(of("GET /v1/customers/", unknown)).await;
    assert_eq!(pair.app.get(&pair.path()).await.status, 200);
    let found = pair.closed().found;
    let expected = "the parameters of GET /v1/customers/{id} could not be checked: stripe-mock 0.0.1 does not know \
                    the route";
    assert_eq!(found.untold, [Untold { why: expected.to_owned(), misled: false }]);
}

/// A strict one, that knows one version and refuses every change of a customer.
async fn of_version(version: &'static str, problem: &'static str) -> Pair {
    Pair::checking(move |asked| match asked.header("stripe-version") {
        Some(_) => Some(Says::error(
            400,
            &format!(
                "Version sent in `Stripe-Version` header 'x' doesn't match version in OpenAPI specification \
                 '{version}' which"
            ),
        )),
        None => asked.call.starts_with("POST").then(|| Says::refused(problem)),
    })
    .await
}

const MISSING: &str = "object property 'name' is required";

#[rstest]
#[case::its_own("2026-09-30.endive", "2026-09-30.endive", UNKNOWN, "email=a@b.c", true)]
#[case::another_release("2026-09-30.endive", "2024-06-20", UNKNOWN, "email=a@b.c", false)]
#[case::newer_than_it("2026-09-30.endive", "2026-10-28.endive", UNKNOWN, "email=a@b.c", false)]
#[case::newer_but_missing("2026-09-30.endive", "2026-10-28.endive", MISSING, "email=a@b.c", true)]
#[case::the_double_says_so_too("2026-09-30.endive", "2024-06-20", UNKNOWN, "colour=red", true)]
#[case::none_named_is_the_newest("2026-09-30.endive", "", UNKNOWN, "email=a@b.c", false)]
#[tokio::test]
async fn a_refusal_by_another_version_is_believed_only_where_it_can_be_right(
    #[case] knows: &'static str,
    #[case] call: &str,
    #[case] problem: &'static str,
    #[case] form: &str,
    #[case] believed: bool,
) {
    let pair = of_version(knows, problem).await;
    let version = [("stripe-version", call)];
    let version: &[(&str, &str)] = if call.is_empty() { &[] } else { &version };
    pair.app.send("POST", &pair.path(), form, version).await.unwrap();
    let found = pair.closed().found;
    assert_eq!(
        (found.refused.len(), found.untold.len()),
        if believed { (1, 0) } else { (0, 1) },
        "{found:?}"
    );
    if let Some(untold) = found.untold.first() {
        assert!(untold.why.contains(knows) && untold.why.contains("colour"), "{untold:?}");
    }
}

#[tokio::test]
async fn what_names_no_case_is_told_of_at_large() {
    let pair = Pair::checking(of("POST /v1/products", Says::refused(UNKNOWN))).await;
    pair.app.make("/v1/products", "name=x").await;
    let found = pair.stand.double.found_at_large();
    assert_eq!(found.refused.len(), 1);
    assert_eq!(pair.stand.double.found_at_large(), Found::default(), "once");
    assert_eq!(pair.closed(), Closed::default());
}

#[tokio::test]
async fn an_app_that_asks_the_same_for_ever_does_not_fill_the_memory() {
    let pair = Pair::checking(|asked| {
        let name = asked.body.split('=').next()?.to_owned();
        let problem = format!("object property '{name}' validation failed: value is not a string");
        asked.call.starts_with("POST").then(|| Says::refused(&problem))
    })
    .await;
    for at in 0..120 {
        pair.app.post(&pair.path(), &format!("x{at}=1")).await;
    }
    assert_eq!(pair.closed().found.refused.len(), 100);
}
