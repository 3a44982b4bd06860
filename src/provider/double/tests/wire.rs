//! What no client package would send, byte by byte over a socket: there is an answer as Stripe gives it, or the
//! connection ends, and others are served meanwhile.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const KEY: &str = "Host: x\r\nAuthorization: Bearer sk_test_1\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// So short that a test can wait for it.
const SOON: Duration = Duration::from_millis(200);

async fn stand(limits: Limits) -> (Stand, App, SocketAddr) {
    let config = DoubleConfig { limits, ..DoubleConfig::default() };
    let double = Double::start(config, &catalog(), Clock::start(), 7).await.unwrap();
    double.open(CASE, START.parse().unwrap(), IdMinter::new(7, 1));
    let slot = double.add_customer(CASE, "Jenny@example.com");
    let address = double.address;
    let stand = Stand { double, slot };
    let app = App::of(&stand);
    (stand, app, address)
}

fn hasty() -> Limits {
    Limits { asking: SOON, body: SOON, taking: SOON, ..Limits::default() }
}

async fn connect(address: SocketAddr, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

/// Everything until the connection ends; nothing where it is reset.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

/// The status, the headers and the body of one answer, after which the connection ends.
async fn answered(address: SocketAddr, request: &[u8]) -> (u16, String, String) {
    let text = rest(&mut connect(address, request).await).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, head.to_owned(), body.to_owned())
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{KEY}Connection: close\r\n\r\n")
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\n{KEY}{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn many(pair: &str, count: usize) -> String {
    (0..count).map(|at| format!("{pair}[k{at}]=v")).collect::<Vec<_>>().join("&")
}

#[rstest::rstest]
#[case(get("/v1/customers/../../x"), 404, "", "Unrecognized request URL (GET: /v1/customers/../../x).")]
#[case(
    get("/v1/customers/%2e%2e/prices"),
    404,
    "",
    "Unrecognized request URL (GET: /v1/customers/../prices)."
)]
#[case(get("/v1//customers"), 404, "", "Unrecognized request URL (GET: /v1//customers).")]
#[case(
    get("/v1/customers/"),
    404,
    "",
    "Unrecognized request URL (GET: /v1/customers/). If you are trying to list"
)]
#[case(get("/v1/customers/cus_1%00"), 404, "", "Unrecognized request URL")]
#[case(get("/v1/customers/a%0d%0aset-cookie:%20x=1"), 404, "", "Unrecognized request URL")]
#[case(get(&format!("/v1/customers/{}", "x".repeat(30_000))), 404, "resource_missing", "No such customer: 'xxx")]
#[case("PUT /v1/customers HTTP/1.1\r\n".to_owned() + KEY + "Connection: close\r\n\r\n", 404, "", "Unrecognized request URL (PUT: /v1/customers).")]
#[case("PATCH /v1/customers/cus_1 HTTP/1.1\r\n".to_owned() + KEY + "Connection: close\r\n\r\n", 404, "", "Unrecognized request URL (PATCH:")]
#[case("BREW /v1/customers HTTP/1.1\r\n".to_owned() + KEY + "Connection: close\r\n\r\n", 404, "", "Unrecognized request URL (BREW:")]
#[case(
    get("/v1/customers?limit=0"),
    400,
    "parameter_invalid_integer",
    "This value must be greater than or equal to 1."
)]
#[case(
    get("/v1/customers?limit=-1"),
    400,
    "parameter_invalid_integer",
    "This value must be greater than or equal to 1."
)]
#[case(
    get("/v1/customers?limit=101"),
    400,
    "parameter_invalid_integer",
    "This value must be less than or equal to 100 (it currently is '101')."
)]
#[case(
    get("/v1/customers?limit=99999999999999999999"),
    400,
    "parameter_invalid_integer",
    "Invalid integer: 9999"
)]
#[case(get("/v1/customers?expand=data"), 400, "", "Invalid array")]
#[case(get("/v1/customers?expand[][x]=data"), 400, "", "Invalid array")]
#[case(get("/v1/customers?email=%ff"), 400, "", "Invalid UTF-8")]
#[case(post("/v1/customers", FORM, "name=%c3%28"), 400, "", "Invalid UTF-8")]
#[case(post("/v1/customers", FORM, "metadata[a]=1&metadata=2"), 400, "", "Invalid parameter")]
#[case(post("/v1/customers", FORM, &many("metadata", 51)), 400, "", "Metadata can have up to 50 keys, but you've set 51.")]
#[case(post("/v1/customers", FORM, &format!("metadata[{}]=1", "k".repeat(41))), 400, "", "Metadata keys can have up to 40 characters, but you passed in a key that is 41 characters.")]
#[case(post("/v1/customers", FORM, &format!("metadata[k]={}", "v".repeat(501))), 400, "", "Metadata values can have up to 500 characters, but you passed in a value that is 501 characters.")]
#[case(post("/v1/customers", FORM, "metadata[a][b]=1"), 400, "", "Invalid string")]
#[case(post("/v1/customers", FORM, &many("a[b][c]", 5_000)), 400, "parameter_unknown", "Received unknown parameter: a")]
#[case(
    post("/v1/customers", "Content-Type: application/json\r\n", "{}"),
    400,
    "",
    "Invalid request (check that your POST content type"
)]
#[case(post("/v1/customers", &format!("{FORM}Idempotency-Key: \r\n"), "name=x"), 400, "", "Idempotent key length is 0,")]
#[case(post("/v1/customers", &format!("{FORM}Idempotency-Key: {}\r\n", "k".repeat(256)), "name=x"), 400, "", "Idempotent key length is 256,")]
#[case(post("/v1/customers", &format!("{FORM}Stripe-Version: é\r\n"), "name=x"), 400, "", "Invalid Stripe API version")]
#[case(post("/v1/customers", &format!("{FORM}Stripe-Account: ../x\r\n"), "name=x"), 403, "account_invalid", "The provided key")]
#[case(post("/v1/customers", &format!("{FORM}Stripe-Account: acct_1\r\n"), "name=x"), 501, "", "provider double: header Stripe-Account is not modelled")]
#[tokio::test]
async fn nonsense_is_answered_as_stripe_would(
    #[case] request: String,
    #[case] status: u16,
    #[case] code: &str,
    #[case] message: &str,
) {
    let (_stand, app, address) = stand(Limits::default()).await;
    let (got, head, body) = answered(address, request.as_bytes()).await;
    let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {head}\n{body}"));
    let error = &body["error"];
    assert_eq!((got, text(error, "code")), (status, code), "{body}");
    assert!(text(error, "message").starts_with(message), "{body}");
    assert!(!head.to_lowercase().contains("set-cookie"), "{head}");
    assert_eq!(app.get("/v1/prices/price_pro").await.status, 200, "it goes on");
}

#[rstest::rstest]
#[case::no_http(b"hello\r\n\r\n".to_vec(), 400)]
#[case::bytes(b"\xff\xfe\x00\x01\r\n\r\n".to_vec(), 400)]
#[case::lengths(format!("POST /v1/customers HTTP/1.1\r\n{KEY}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab").into_bytes(), 400)]
#[case::chunks(format!("POST /v1/customers HTTP/1.1\r\n{KEY}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n").into_bytes(), 400)]
#[case::headers(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5_000)).into_bytes(), 431)]
#[case::path(get(&format!("/{}", "x".repeat(70_000))).into_bytes(), 414)]
#[tokio::test]
async fn what_is_no_call_is_refused(#[case] request: Vec<u8>, #[case] status: u16) {
    let (_stand, app, address) = stand(Limits::default()).await;
    let (got, head, _) = answered(address, &request).await;
    // Stripe's answers to these come from the server before its API, too.
    assert!(got == status || (status == 414 && got == 431), "{head}");
    assert_eq!(app.get("/v1/prices/price_pro").await.status, 200, "it goes on");
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let (_stand, app, _) = stand(Limits::default()).await;
    let whole = app.get("/v1/prices/price_pro").await;
    let head = app.send("HEAD", "/v1/prices/price_pro", "", &[]).await.unwrap();
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), whole.text.len().to_string());
    let missing = app.send("HEAD", "/v1/prices/price_x", "", &[]).await.unwrap();
    assert_eq!((missing.status, missing.text.as_str()), (404, ""));
}

#[tokio::test]
async fn a_browser_is_told_the_methods_and_lets_no_page_read() {
    let (stand, app, _) = stand(Limits::default()).await;
    let headers = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let got = app.send("OPTIONS", "/v1/customers", "", &headers).await.unwrap();
    assert_eq!((got.status, got.header("allow")), (200, "GET, POST, HEAD, OPTIONS, DELETE"));
    assert_eq!(got.header("access-control-allow-origin"), "");
    assert!(stand.double.refused_at_large().is_empty());
}

#[tokio::test]
async fn line_ends_in_values_stay_values() {
    let (_stand, app, _) = stand(Limits::default()).await;
    let value = "metadata[k]=a%0d%0aSet-Cookie:%20x=1%0d%0a%0d%0a&name=%0d%0a";
    let key = [("idempotency-key", "a%0d%0ab\tc")];
    let got = app.send("POST", "/v1/customers", value, &key).await.unwrap();
    assert_eq!(got.json()["metadata"]["k"], "a\r\nSet-Cookie: x=1\r\n\r\n");
    assert_eq!((got.header("set-cookie"), got.header("idempotency-key")), ("", "a%0d%0ab\tc"));
}

/// Ten megabytes, told of beforehand or sent in pieces: the answer is read by a caller that sends first.
#[rstest::rstest]
#[tokio::test]
async fn a_body_that_is_too_large_is_answered(#[values(true, false)] told: bool) {
    let (_stand, app, address) = stand(Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let piece = vec![b'x'; 64 * 1024];
    let pieces = 160;
    let size = if told {
        format!("Content-Length: {}", piece.len() * pieces)
    } else {
        "Transfer-Encoding: chunked".to_owned()
    };
    let head = format!("POST /v1/customers HTTP/1.1\r\n{KEY}{FORM}Connection: close\r\n{size}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..pieces {
        if !told {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        }
        stream.write_all(&piece).await.unwrap();
        if !told {
            stream.write_all(b"\r\n").await.unwrap();
        }
    }
    if !told {
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    }
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("Request body is too large."), "{answer}");
    assert_eq!(app.get("/v1/prices/price_pro").await.status, 200, "it goes on");
}

#[tokio::test]
async fn who_asks_before_sending_too_much_need_not_send_it() {
    let (_stand, _app, address) = stand(Limits::default()).await;
    let request = format!(
        "POST /v1/customers HTTP/1.1\r\n{KEY}{FORM}Expect: 100-continue\r\nContent-Length: 10000000\r\n\r\n"
    );
    let (status, _, body) = answered(address, request.as_bytes()).await;
    assert_eq!(status, 413, "{body}");
}

#[tokio::test]
async fn who_is_slow_is_let_go() {
    let (_stand, app, address) = stand(hasty()).await;
    // Neither the headers nor, on a connection that is kept, another call ever come.
    assert_eq!(rest(&mut connect(address, b"GET /v1/customers HTTP/1.1\r\nHost: x\r\n").await).await, "");
    let mut idle =
        connect(address, format!("GET /v1/prices/price_pro HTTP/1.1\r\n{KEY}\r\n").as_bytes()).await;
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 OK"));
    // The body never comes whole.
    let half = format!("POST /v1/customers HTTP/1.1\r\n{KEY}{FORM}Content-Length: 100\r\n\r\nname=");
    let answer = rest(&mut connect(address, half.as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("did not arrive in time"), "{answer}");
    assert_eq!(app.get("/v1/prices/price_pro").await.status, 200, "it goes on");
}

#[tokio::test]
async fn who_takes_no_answer_is_let_go() {
    let limits = Limits { taking: SOON, connections: 1, ..Limits::default() };
    let (_stand, app, address) = stand(limits).await;
    let mut greedy = TcpStream::connect(address).await.unwrap();
    let ask = format!("GET /v1/prices?limit=100 HTTP/1.1\r\n{KEY}\r\n").repeat(50);
    // Until the double takes no more, because nothing of its answers is taken.
    while let Ok(Ok(())) = tokio::time::timeout(SOON / 2, greedy.write_all(ask.as_bytes())).await {}
    // There is room for one connection, which is this one's once the other has ended.
    assert_eq!(app.get("/v1/prices/price_pro").await.status, 200);
}

/// Numbers and times at the edge of what can be held.
#[rstest::rstest]
#[case("/v1/subscriptions", "customer=CUS&items[0][price]=price_pro&items[0][quantity]=9223372036854775807")]
#[case("/v1/subscriptions", "customer=CUS&items[0][price]=price_pro&trial_end=9223372036854775807")]
#[case("/v1/subscriptions", "customer=CUS&items[0][price]=price_pro&trial_end=-1")]
#[case("/v1/subscriptions", "customer=CUS&items[0][price]=price_pro&cancel_at=253402300800")]
#[case("/v1/subscriptions", "customer=CUS&items[0][price]=price_pro&billing_cycle_anchor=253402300800")]
#[case("/v1/subscriptions", "customer=CUS&items[0][price]=price_pro&trial_period_days=9223372036854775807")]
#[case(
    "/v1/subscriptions",
    "customer=CUS&items[0][price]=price_pro&backdate_start_date=-9223372036854775808"
)]
#[case(
    "/v1/checkout/sessions",
    "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=99999999&line_items[0][price_data][product_data][name]=x&line_items[0][quantity]=9223372036854775807"
)]
#[case(
    "/v1/checkout/sessions",
    "mode=subscription&line_items[0][price]=price_pro&line_items[0][quantity]=1&expires_at=9223372036854775807"
)]
#[case(
    "/v1/invoiceitems",
    "customer=CUS&currency=usd&unit_amount_decimal=99999999.5&quantity=9223372036854775807"
)]
#[case("/v1/invoices", "customer=CUS&collection_method=send_invoice&days_until_due=9223372036854775807")]
#[case("/v1/invoices", "customer=CUS&collection_method=send_invoice&due_date=253402300800")]
#[case("/v1/test_helpers/test_clocks", "frozen_time=253402300800")]
#[case("/v1/test_helpers/test_clocks", "frozen_time=-1")]
#[case(
    "/v1/quotes",
    "customer=CUS&line_items[0][price]=price_pro&line_items[0][quantity]=9223372036854775807"
)]
#[case("/v1/quotes", "customer=CUS&line_items[0][price]=price_pro&expires_at=253402300800")]
#[case(
    "/v1/subscription_schedules",
    "customer=CUS&start_date=253402300800&phases[0][items][0][price]=price_pro"
)]
#[case("/v1/promotion_codes", "promotion[type]=coupon&promotion[coupon]=x&expires_at=253402300800")]
#[case("/v1/coupons", "percent_off=10&duration=repeating&duration_in_months=9223372036854775807")]
#[case("/v1/coupons", "percent_off=10&redeem_by=253402300800")]
#[case("/v1/customers/CUS/balance_transactions", "amount=9223372036854775807&currency=usd")]
#[case("/v1/credit_notes", "invoice=in_x&amount=9223372036854775807")]
#[tokio::test]
async fn what_cannot_be_held_is_refused(#[case] path: &str, #[case] form: &str) {
    let (stand, app, _) = stand(Limits::default()).await;
    let customer = text(&stand.truth()["customer"], "id").to_owned();
    let path = path.replace("CUS", &customer);
    app.make(&format!("/v1/customers/{customer}"), "invoice_settings[default_payment_method]=pm_card_visa")
        .await;
    let got = app.post(&path, &form.replace("CUS", &customer)).await;
    assert!((400..500).contains(&got.status), "{path} {form}: {} {}", got.status, got.text);
    assert_eq!(got.json()["error"]["type"], "invalid_request_error");
}
