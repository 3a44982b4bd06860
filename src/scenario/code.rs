//! The kinds of problems a file can have, each with a page for `explain CODE`.

use std::str::FromStr;

/// A page of `explain CODE`.
struct Page {
    /// What is wrong, and why it matters.
    what: &'static str,
    /// How it looks wrong.
    wrong: &'static str,
    /// How it looks right.
    right: &'static str,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal: $what:literal, $wrong:literal, $right:literal;)+) => {
        /// A kind of problem. Its name never changes its meaning: CI jobs match on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// `unknown-key`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// One line on what it is.
            #[must_use]
            pub fn summary(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }

            fn page(self) -> Page {
                match self { $(Self::$name => Page { what: $what, wrong: $wrong, right: $right },)+ }
            }
        }
    };
}

codes! {
    /// The file is not TOML.
    Syntax "syntax":
        "The parser could not go on at this place. Only the first such place is reported: what follows it is mostly its echo.",
        "promise = A paid checkout gives Pro",
        "promise = \"A paid checkout gives Pro.\"";
    /// A key that means nothing here.
    UnknownKey "unknown-key":
        "A misspelled key would otherwise be ignored, and the scenario would prove less than it says. Beware of headers: a `[step.then]` swallows every key below it, so write dotted keys (`then.access = …`).",
        "onwer = \"billing\"",
        "owner = \"billing\"";
    /// A value of the wrong type.
    WrongType "wrong-type":
        "The key is right, but its value is of another type. Durations are strings with a unit.",
        "within = 10",
        "within = \"10s\"";
    /// A key that must be there is missing.
    MissingKey "missing-key":
        "Without this key the table has no meaning.",
        "[[step]]\nsend = [{ times = 2 }]",
        "[[step]]\nsend = [{ event = \"invoice.paid\", times = 2 }]";
    /// A number or text outside of what is possible.
    OutOfRange "out-of-range":
        "The type is right, but the value is too small, too large, or empty.",
        "repeat = 0",
        "repeat = 25";
    /// Several keys of which exactly one may be set.
    ExclusiveKeys "exclusive-keys":
        "A choice is a table with exactly one of its keys: two would contradict each other, none says nothing.",
        "stripe = { subscribe = { price = \"pro_monthly\" }, cancel = {} }",
        "stripe.subscribe = { price = \"pro_monthly\" }";
    /// A word that is none of the few possible ones.
    UnknownWord "unknown-word":
        "This key takes one of a few words only.",
        "order = \"backwards\"",
        "order = \"reversed\"";
    /// A duration that cannot be read.
    BadDuration "bad-duration":
        "A duration is a string of numbers with units: `ms`, `s`, `m`, `h`, `d`, `w`; largest first. Where time may go back, it starts with `-`.",
        "within = \"10 seconds\"",
        "within = \"1m30s\"";
    /// A template that cannot be read.
    BadTemplate "bad-template":
        "A template is `{{ name.field }}`.",
        "then.access = { plan = \"{{ variable.plan\" }",
        "then.access = { plan = \"{{ variable.plan }}\" }";
    /// A template names something that does not exist.
    UnknownTemplateName "unknown-template-name":
        "Templates are strict: an unknown name is an error, never an empty string. Known at the start are customer, subscription, checkout, invoice, charge, price, product, request, variable, secret, matrix, provider, endpoint, target, mail, sink, and what a `name = …` of the scenario names.",
        "path = \"/api/users/{{ costumer.id }}\"",
        "path = \"/api/users/{{ customer.id }}\"";
    /// A secret is written out in a file.
    LiteralSecret "literal-secret":
        "A live key or signing secret in a file ends up in version control. Read it from the environment or a file by its name, and roll the one that was written down. This holds in comments too.",
        "provider.live.key = \"sk_live_…\"",
        "provider.live.key = \"{{ secret.STRIPE_KEY }}\"";
    /// Two things have the same name.
    DuplicateName "duplicate-name":
        "Scenarios, steps, customers and named objects are told apart by their names; a report could not say which one it means.",
        "[[step]]\nname = \"pays\"\n[[step]]\nname = \"pays\"",
        "[[step]]\nname = \"pays\"\n[[step]]\nname = \"pays again\"";
    /// No such probe in `paydrill.toml`.
    UnknownProbe "unknown-probe":
        "A scenario speaks in the names of its project: `[probe.NAME]` in paydrill.toml. `delivery` and `provider` are built in.",
        "then.acess = { plan = \"pro\" }",
        "then.access = { plan = \"pro\" }";
    /// No such sink in `paydrill.toml`.
    UnknownSink "unknown-sink":
        "A third party that the app calls is known by `[sink.NAME]` in paydrill.toml, or by a probe that reads it.",
        "fault = [{ sink = { name = \"crn\", status = 503 } }]",
        "fault = [{ sink = { name = \"crm\", status = 503 } }]";
    /// The probe has no such field.
    UnknownField "unknown-field":
        "A probe gives the fields its `read` names, and those of its kind (`http_status` and `text` over HTTP; `class`, `status` and `took` of `delivery`).",
        "then.access = { paln = \"pro\" }",
        "then.access = { plan = \"pro\" }";
    /// No such request in `paydrill.toml`.
    UnknownRequest "unknown-request":
        "What people and jobs do in the app is named once, as `[request.NAME]` in paydrill.toml.",
        "request = [\"sucess_page\"]",
        "request = [\"success_page\"]";
    /// No such price in the catalogue.
    UnknownPrice "unknown-price":
        "Prices are named by their key below `[catalog.price]`, which is their lookup key at Stripe.",
        "stripe.checkout = { price = \"pro\" }",
        "stripe.checkout = { price = \"pro_monthly\" }";
    /// No such product in the catalogue.
    UnknownProduct "unknown-product":
        "Products are named by their key below `[catalog.product]`.",
        "[catalog.price.pro_monthly]\nproduct = \"por\"",
        "[catalog.price.pro_monthly]\nproduct = \"pro\"";
    /// No such customer in the scenario.
    UnknownCustomer "unknown-customer":
        "A step is about one of the customers of `[[given.customer]]`, by its `name`; left out, the first.",
        "customer = \"stanger\"",
        "customer = \"stranger\"";
    /// No such subscription or other named object in the scenario.
    UnknownObject "unknown-object":
        "`subscription = …` chooses one that `[[given.customer]]` or an earlier step named with `name`; left out, the first.",
        "stripe.cancel = { subscription = \"odl\" }",
        "stripe.cancel = { subscription = \"old\" }";
    /// No earlier step of that name.
    UnknownStep "unknown-step":
        "`from` names an earlier step, or `given` for what the arrangement made. Events are kept under the step that made them, sent or not.",
        "send = [{ event = \"invoice.paid\", from = \"upgarde\" }]",
        "send = [{ event = \"invoice.paid\", from = \"upgrade\" }]";
    /// No such endpoint in any environment.
    UnknownEndpoint "unknown-endpoint":
        "Endpoints are named by `target.endpoint.NAME` of an environment.",
        "send = [{ event = \"*\", endpoint = \"conect\" }]",
        "send = [{ event = \"*\", endpoint = \"connect\" }]";
    /// No such process in any environment.
    UnknownProcess "unknown-process":
        "Processes of the app are named by `target.process.NAME` of an environment, containers by `target.container.NAME`, the one of a compose file by its service.",
        "fault = [{ kill = { process = \"wroker\", on = \"sent\" } }]",
        "fault = [{ kill = { process = \"worker\", on = \"sent\" } }]";
    /// No such environment in `paydrill.toml`.
    UnknownEnvironment "unknown-environment":
        "An environment is a table `[environment.NAME]` in paydrill.toml.",
        "default_environment = \"c1\"",
        "default_environment = \"ci\"";
    /// No such notifier in `paydrill.toml`.
    UnknownNotifier "unknown-notifier":
        "A notifier is a table `[notify.NAME]` in paydrill.toml; an environment names those that hear of its incidents. One that is misspelled would tell nobody.",
        "environment.production.notify = [\"oncal\"]",
        "environment.production.notify = [\"oncall\"]";
    /// No such scenario.
    UnknownScenario "unknown-scenario":
        "A scenario's name is its path below the scenario folder, without `.toml`.",
        "scenario = \"checkout\"",
        "scenario = \"checkout-grants-pro\"";
    /// No such matcher.
    UnknownMatcher "unknown-matcher":
        "A table as an expected value is matchers, all of which must hold; anything else is a literal.",
        "then.access = { seats = { min = 3 } }",
        "then.access = { seats = { gte = 3 } }";
    /// The step that is named does not make this event.
    EventNotMade "event-not-made":
        "The action of that step does not make such an event at Stripe. Unless the app itself causes it, the delivery cannot be made and the case is errored. `paydrill explain FILE` lists what each step makes; for an event that nothing makes there is `template`.",
        "stripe.subscribe = { price = \"pro_monthly\" }\nsend = [{ event = \"charge.refunded\" }]",
        "stripe.refund = {}\nsend = [{ event = \"charge.refunded\" }]";
    /// A JSONPath that cannot be read.
    BadJsonPath "bad-json-path":
        "What is read from JSON is named by a JSONPath (RFC 9535), which starts with `$`.",
        "read = { plan = \"plan\" }",
        "read = { plan = \"$.plan\" }";
    /// A cron line, time zone, window or date that cannot be read.
    BadSchedule "bad-schedule":
        "A cron line has five fields. A window is days, hours and a time zone; blocked dates are a day, or a first and a last day.",
        "cron = \"every tuesday\"",
        "cron = \"0 11 * * 2\"";
    /// A file that cannot be read.
    Unreadable "unreadable":
        "Only regular files, and links to them, are read: a named pipe, a socket or a device may never end. A file must be text in UTF-8, and no larger than 4 MiB. The other files are checked all the same.",
        "mkfifo scenarios/late-update.toml",
        "cp captured.toml scenarios/late-update.toml";
    /// More problems in one file than anybody reads.
    TooMany "too-many":
        "Of each file the first hundred problems are shown, errors before warnings. Mend those, and the rest, if they were not their echo, will be shown.",
        "(101 misspelled keys)",
        "(none)";
    /// A captured event that cannot be read.
    BadFile "bad-file":
        "`file` is the path of one captured event in JSON, relative to the folder of paydrill.toml.",
        "send = [{ file = \"captured/evt.txt\" }]",
        "send = [{ file = \"captured/evt.json\" }]";
    /// A call that is no method and path.
    BadCall "bad-call":
        "A call to Stripe is an HTTP method and a path; `*` stands for one part of it.",
        "fault = [{ api = { call = \"subscriptions\", status = 500 } }]",
        "fault = [{ api = { call = \"GET /v1/subscriptions/*\", status = 500 } }]";
    /// An action's key that Stripe could not do anything with.
    BadAction "bad-action":
        "The action exists and the key is one of its own, but the value does not fit.",
        "stripe.change_quantity = { quantity = \"many\" }",
        "stripe.change_quantity = { quantity = 4 }";
    /// Right, but this version does not execute it.
    NotSupportedYet "not-supported-yet":
        "The format is wider than what this version of Paydrill executes. What it cannot do is refused by name, so that no scenario passes without having been judged.",
        "provider.live.key = \"{{ secret.STRIPE_KEY }}\"",
        "(leave it out for now)";
    /// A scenario that allows a drill has something that must not happen in production.
    CannotBeDrilled "cannot-be-drilled":
        "`fault`, `target`, `stripe.set`, `advance`, `repeat` and `file` would change or fake what belongs to real customers. An alarm needs a deviation, else it alarms nobody.",
        "repeat = 25\n[drill.prove]\nsource = \"resend\"",
        "[drill.prove]\nsource = \"resend\"";
    /// A guard that a drill will ask for is not set.
    MissingGuard "missing-guard":
        "Every guard of a production environment is written down, `\"none\"` where one is not wanted: leaving one out must not look like a decision.",
        "[environment.production.guard]\nper_day = 4",
        "[environment.production.guard]\nper_day = 4\nstop = \"none\"";
    /// An inline table as only TOML 1.1 allows it.
    InlineTable "inline-table":
        "Line breaks and trailing commas inside `{ … }` are new in TOML 1.1. They are read here, but editors and formatters of TOML 1.0 refuse them.",
        "then.access = {\n  plan = \"pro\",\n}",
        "then.access = { plan = \"pro\" }";
    /// A step that changes nothing and judges nothing.
    IdleStep "idle-step":
        "Nothing happens at Stripe or in the app, nothing is delivered, and nothing is expected.",
        "[[step]]\nname = \"wait\"",
        "[[step]]\nname = \"the cache is warm\"\nthen.access = { plan = \"free\" }";
    /// A scenario that can never fail.
    NeverFails "never-fails":
        "Nothing of what the customer has is looked at: no `then`, `either` or `unchanged` that could be wrong, no comparison with Stripe, no bystander. A delivery that is answered 2xx reached a handler, and proves no more than that.",
        "[[step]]\nstripe.checkout = { price = \"pro_monthly\" }\nreconcile = false",
        "[[step]]\nstripe.checkout = { price = \"pro_monthly\" }\nthen.access = { plan = \"pro\" }";
    /// An expectation that holds of any app.
    AlwaysTrue "always-true":
        "A matcher that takes every value there can be, or something that must not change where nothing has happened that could change it: it holds whether the app is right or wrong.",
        "then.receipts = { messages = { count = { gte = 0 } } }",
        "then.receipts = { messages = { count = 1 } }";
    /// Too little time for anything to come true.
    TooShort "too-short":
        "`within` counts from the last delivery's answer. No app is read so fast, so that the expectation fails whatever it does.",
        "within = \"1ms\"",
        "within = \"2s\"";
    /// A change of an event that changes nothing.
    IdleChange "idle-change":
        "What is sent is what Stripe sends, so that the story proves something else than it says. A field that the object does not have in the version in which it is sent cannot be taken away; look for where that version has it.",
        "send = [{ event = \"customer.subscription.updated\", remove = [\"current_period_end\"] }]",
        "send = [{ event = \"customer.subscription.updated\", remove = [\"latest_invoice\"] }]";
    /// An id or an e-mail address that is written out.
    LiteralId "literal-id":
        "Ids and e-mail addresses are minted for every case, so that cases run beside each other. One that is written out belongs to nobody here, or to a real customer.",
        "then.billing = { customer = \"cus_9s6XKzkNRiz8i3\" }",
        "then.billing = { customer = \"{{ customer.id }}\" }";
    /// A matrix that multiplies nothing.
    IdleMatrix "idle-matrix":
        "A list of one value, or one whose values are named nowhere, makes no other case.",
        "matrix = { attempts = [1] }",
        "matrix = { attempts = [1, 2] }";
    /// A bystander whom the app cannot know.
    IdleBystander "idle-bystander":
        "A customer whom no step is about is a bystander: nothing of it may change. One whom the app was never told of cannot change, whoever is taken for whom.",
        "[[given.customer]]\nrequest = []",
        "[[given.customer]]\nsubscription = [{ price = \"pro_monthly\" }]";
    /// A warning is allowed that is not there.
    IdleAllow "idle-allow":
        "`allow` keeps warnings quiet that were read and are meant. One that is not there, or not any more, would keep the next one quiet.",
        "allow = [\"never-fails\"]",
        "(leave it out)";
    /// A scenario without a step.
    EmptyScenario "empty-scenario":
        "A story has at least one `[[step]]`.",
        "promise = \"A paid checkout gives Pro.\"",
        "promise = \"A paid checkout gives Pro.\"\n\n[[step]]\nstripe.checkout = { price = \"pro_monthly\" }\nthen.access = { plan = \"pro\" }";
}

impl Code {
    /// The page of `explain CODE`: what it is, why it matters, and an example wrong and right.
    #[must_use]
    pub fn explain(self) -> String {
        let Page { what, wrong, right } = self.page();
        let indent = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
        format!(
            "{}: {}\n\n{}\n\nwrong:\n\n{}\nright:\n\n{}",
            self.as_str(),
            self.summary(),
            wrap(what),
            indent(wrong),
            indent(right)
        )
    }
}

/// Breaks text into lines that a terminal shows whole.
fn wrap(text: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 96 {
            lines.push('\n');
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += length;
    }
    lines
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(word: &str) -> Result<Self, UnknownCode> {
        let known = Self::ALL.iter().find(|code| code.as_str() == word);
        known.copied().ok_or_else(|| UnknownCode {
            nearest: super::diagnostic::nearest(word, Self::ALL.iter().map(|code| code.as_str())),
        })
    }
}

/// There is no such code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("find a page on it{}", .nearest.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default())]
pub struct UnknownCode {
    /// The nearest that exists.
    pub nearest: Option<&'static str>,
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_name_and_explains_itself() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            let page = code.explain();
            assert!(page.contains("wrong:\n\n    ") && page.contains("right:\n\n    "), "{page}");
            assert!(page.lines().all(|line| line.chars().count() <= 110), "{page}");
        }
    }

    #[test]
    fn a_misspelled_code_has_a_nearest_one() {
        assert_eq!("unknown-kye".parse::<Code>(), Err(UnknownCode { nearest: Some("unknown-key") }));
    }

    #[test]
    fn a_page_says_what_why_and_how() {
        insta::assert_snapshot!(Code::UnknownWord.explain());
    }
}
