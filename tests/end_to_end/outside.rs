//! What leaves the app: its mail, its calls to a third party, its calls to Stripe, and provider truth itself.

use rstest::rstest;

use crate::support::Project;

/// What the project file gets. The senders stand in for an app that sends: what they do is what the app would.
const OUTSIDE: &str = r#"
target.env.SMTP_PORT = "{{ mail.port }}"
target.env.CRM_PORT  = "{{ sink.crm.port }}"

[request.mail]
command = ["bash", "send.sh", "{{ customer.email }}", "Your receipt"]
[request.mail_until_taken]
command = ["bash", "-c", "bash send.sh '{{ customer.email }}' again; bash send.sh '{{ customer.email }}' again"]
[request.contact]
command = ["bash", "call.sh", "{\"email\": \"{{ customer.email }}\", \"plan\": \"pro\"}"]
[request.contact_until_taken]
command = ["bash", "-c", "bash call.sh '{\"email\": \"{{ customer.email }}\"}'; bash call.sh '{\"email\": \"{{ customer.email }}\"}'"]

[sink.crm]
answer = [{ call = "POST /contacts", status = 201, json = { id = "c_1" } }]

[probe.receipts]
mail = { to = "{{ customer.email }}", subject = { contains = "receipt" } }
[probe.mails]
mail = { to = "{{ customer.email }}" }
[probe.contact]
sink = { name = "crm", call = "POST /contacts", json = { "$.email" = "{{ customer.email }}" } }
read = { plan = "$.plan" }
[probe.every_contact]
sink = { name = "crm" }
[probe.asked]
stripe_calls = { call = "GET /v1/*" }
[probe.refunds]
stripe_calls = { call = "POST /v1/refunds" }
"#;

/// One mail, or two with a pause between; fails where the server refuses.
const SEND: &str = r#"
once() {
    exec 3<>"/dev/tcp/127.0.0.1/$SMTP_PORT"
    printf 'EHLO app\r\nMAIL FROM:<hi@app.example>\r\nRCPT TO:<%s>\r\nDATA\r\nSubject: %s\r\n\r\nPaid.\r\n.\r\nQUIT\r\n' "$1" "$2" >&3
    answers=$(cat <&3)
    exec 3>&-
    ! grep -q '^45' <<< "$answers"
}
once "$1" "$2"
"#;

const CALL: &str = r#"
exec 3<>"/dev/tcp/127.0.0.1/$CRM_PORT"
printf 'POST /contacts HTTP/1.1\r\nHost: crm\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#1}" "$1" >&3
answer=$(cat <&3)
echo "$answer" | tail -1
grep -q '201 Created' <<< "$answer"
"#;

fn project(step: &str) -> Project {
    let project = Project::empty();
    let text = project.read("paydrill.toml") + OUTSIDE;
    let story = format!("promise = \"It is told outside.\"\n\n[[step]]\nname = \"told\"\n{step}\n");
    project
        .file("paydrill.toml", &text)
        .file("send.sh", SEND)
        .file("call.sh", CALL)
        .file("scenarios/story.toml", &story)
}

#[rstest]
#[case::one_mail(
    "request = [\"mail\"]\nthen.receipts = { messages = 1, subject = \"Your receipt\", from = \"hi@app.example\", \
     text = { contains = \"Paid.\" } }\nthen.mails = { messages = { count = 1 } }",
    0,
    "1 passed"
)]
#[case::no_mail("request = [\"contact\"]\nthen.receipts = { messages = 1 }", 1, "still 0")]
#[case::refused_once(
    "fault = [{ mail = { status = 451, times = 1 } }]\nrequest = [\"mail_until_taken\"]\n\
     then.mails = { messages = 1, refused = 1 }",
    0,
    "1 passed"
)]
#[case::refused(
    "fault = [{ mail = { status = 451 } }]\nrequest = [\"mail\"]\nthen.mails = { messages = 0 }",
    3,
    "request `mail` ended with exit code 1"
)]
#[case::another_recipient_is_not_refused(
    "fault = [{ mail = { status = 451, to = \"x{{ customer.email }}\" } }]\nrequest = [\"mail\"]\n\
     then.mails = { messages = 1 }",
    0,
    "1 passed"
)]
#[case::a_call(
    "request = [\"contact\"]\nthen.contact = { calls = 1, accepted = 1, plan = \"pro\", status = 201, \
     method = \"POST\", path = \"/contacts\" }",
    0,
    "1 passed"
)]
#[case::no_call("request = [\"mail\"]\nthen.contact = { calls = 1 }", 1, "still 0")]
#[case::a_call_that_fails_once(
    "fault = [{ sink = { name = \"crm\", json = { \"$.email\" = \"{{ customer.email }}\" }, status = 503, \
     times = 1 } }]\nrequest = [\"contact_until_taken\"]\nthen.contact = { calls = 2, accepted = 1, refused = 1 }",
    0,
    "1 passed"
)]
#[case::all_of_a_third_party_in_an_app_of_its_own(
    "fault = [{ sink = { name = \"crm\", status = 503, times = 1 } }]\nrequest = [\"contact_until_taken\"]\n\
     then.every_contact = { calls = 2, refused = 1 }",
    0,
    "1 passed"
)]
#[case::what_the_app_asked_stripe(
    "stripe.checkout = { price = \"pro_monthly\" }\nthen.access = { active = true }\n\
     then.refunds = { calls = 0 }",
    0,
    "1 passed"
)]
#[case::what_stripe_has(
    "stripe.checkout = { price = \"pro_monthly\" }\nthen.provider = { \"subscription.status\" = \"active\", \
     \"subscription.items.data[0].quantity\" = 1 }",
    0,
    "1 passed"
)]
#[case::what_stripe_does_not_have(
    "stripe.checkout = { price = \"pro_monthly\" }\nthen.provider = { \"subscription.status\" = \"canceled\" }",
    1,
    "still \"active\""
)]
#[case::no_such_truth(
    "then.provider = { \"subscripton.status\" = \"active\" }",
    2,
    "did you mean `subscription`?"
)]
#[case::no_such_sink(
    "fault = [{ sink = { name = \"crn\", status = 503 } }]\nrequest = [\"mail\"]",
    2,
    "did you mean `crm`?"
)]
#[case::no_such_field("request = [\"mail\"]\nthen.mails = { mesages = 1 }", 2, "did you mean `messages`?")]
fn a_story_is_judged_by_what_leaves_the_app(#[case] step: &str, #[case] code: i32, #[case] says: &str) {
    project(step).run(&["run"]).code(code).says(&[says]);
}

/// Many cases on one app: each sees its own mail, and its fault meets no other's.
#[test]
fn cases_do_not_see_what_others_send() {
    let refused = "promise = \"Refused once.\"\nrepeat = 6\n[[step]]\nfault = [{ mail = { status = 451, times = 1 } }]\n\
                   request = [\"mail_until_taken\"]\nthen.mails = { messages = 1, refused = 1 }\n";
    let project = project(
        "request = [\"mail\", \"contact\"]\nthen.receipts = { messages = 1 }\nthen.contact = { calls = 1 }",
    )
    .edit("scenarios/story.toml", "\n[[step]]", "repeat = 6\n[[step]]")
    .file("scenarios/refused.toml", refused);
    project.run(&["run"]).code(0).says(&["12 passed"]);
}
