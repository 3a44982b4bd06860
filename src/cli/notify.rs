//! Who hears of incidents: from the project file to channels, and `paydrill notify test`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::output::{Exit, Output};
use super::run::plan::{self, Refusal};
use super::settings::Settings;
use super::{Global, project};
use crate::incident::Severity;
use crate::notify::mail::Mail;
use crate::notify::pagerduty::{self, PagerDuty};
use crate::notify::slack::Slack;
use crate::notify::stdout::{Say, Stdout};
use crate::notify::webhook::Webhook;
use crate::notify::{
    Change, Channel, Filter, Hook, Notice, Notifier, Policy, Receipt, Told, real_time, tell,
};
use crate::project::model::{Notify, NotifyChange, NotifyKind, NotifySeverity, Project};
use crate::secret::Secret;
use crate::template::render_text;

/// Send a test message to those who hear of incidents.
#[derive(Debug, Args)]
pub(super) struct NotifyArgs {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    /// Send a message that says it is a test, without waking anybody.
    ///
    /// A service of PagerDuty gets an alert of severity `info`, which is resolved at once.
    Test(TestArgs),
}

/// Send a message that says it is a test, without waking anybody.
#[derive(Debug, Args)]
struct TestArgs {
    /// Names of `[notify.NAME]`; left out, all of the project's.
    names: Vec<String>,
    /// The environment whose variables are meant; left out, the project's `default_environment`.
    #[arg(long, short, env = "PAYDRILL_ENVIRONMENT")]
    environment: Option<String>,
}

/// What is wrong, and what helps.
type Refused = (String, String);

pub(super) fn main(args: &NotifyArgs, global: &Global, settings: &Settings, output: &Output) -> Exit {
    let NotifyCommand::Test(args) = &args.command;
    let project = match project::read(&[], global) {
        Ok(found) => match project::project(found, output) {
            Ok(project) => project,
            Err(exit) => return exit,
        },
        Err(error) => return project::load_failure(&error, output),
    };
    match test(args, &project, settings, output) {
        Ok(exit) => exit,
        Err(Refusal::Missing { message, hint }) => {
            output.error(&message, Some(&hint));
            Exit::Usage
        }
        Err(Refusal::Diagnostics(diagnostics)) => {
            project::show(&diagnostics, output);
            Exit::Usage
        }
    }
}

fn test(args: &TestArgs, project: &Project, settings: &Settings, output: &Output) -> Result<Exit, Refusal> {
    let environment = plan::environment(args.environment.as_deref(), project)?;
    let chosen = chosen(&args.names, project)?;
    let secrets = plan::secrets_in(&format!("{chosen:?}"), settings)?;
    let say = |line: &str| output.data(line);
    let mut variables = project.variables.clone();
    variables.extend(environment.variables.clone());
    let channels = channels(&chosen, variables, &secrets, &say)
        .map_err(|(message, hint)| Refusal::Missing { message, hint })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Refusal::Missing { message: format!("failed to start: {error}"), hint: "try again".to_owned() }
    })?;
    let at = settings.clock.now();
    let notice = |change| Notice::test(change, &project.name, &environment.name, at);
    let mut arrived = true;
    for channel in &channels {
        let mut notices = vec![notice(Change::Opened)];
        if channel.notifier.kind() == "pagerduty" {
            notices.push(notice(Change::Resolved));
        }
        let channel = std::slice::from_ref(channel);
        let told = &mut Told::default();
        for receipt in runtime.block_on(tell(channel, &notices, told, Policy::USUAL, &real_time())) {
            arrived &= receipt.problem.is_none();
            output.data(tested(&receipt));
        }
    }
    Ok(if arrived { Exit::Passed } else { Exit::CouldNotJudge })
}

fn tested(receipt: &Receipt) -> String {
    let Receipt { notifier, kind, change, problem, .. } = receipt;
    match problem {
        None => format!("sent    {notifier} ({kind}), {}\n", change.as_str()),
        Some(problem) => format!("FAILED  {notifier} ({kind}), {}: failed to {problem}\n", change.as_str()),
    }
}

fn chosen<'a>(names: &'a [String], project: &'a Project) -> Result<Vec<(&'a str, &'a Notify)>, Refusal> {
    let known = || project.notifiers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let missing = |message: String, hint: String| Err(Refusal::Missing { message, hint });
    if project.notifiers.is_empty() {
        return missing(
            "the project has no notifier".to_owned(),
            "declare one: `[notify.oncall]` with `slack = { url = \"{{ secret.SLACK_WEBHOOK }}\" }`"
                .to_owned(),
        );
    }
    if let Some(name) = names.iter().find(|name| !project.notifiers.contains_key(*name)) {
        return missing(
            format!("the project has no notifier `{name}`"),
            format!("`[notify.NAME]` has: {}", known()),
        );
    }
    let all = project.notifiers.iter().map(|(name, notify)| (name.as_str(), notify));
    Ok(all.filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name)).collect())
}

/// What these notifiers are reached by. Whatever is wrong with one is told before anything is run.
///
/// `variables`: what `{{ variable.NAME }}` is there.
pub(super) fn channels<'a>(
    chosen: &[(&str, &Notify)],
    variables: Map<String, Value>,
    secrets: &BTreeMap<String, Secret>,
    say: Say<'a>,
) -> Result<Vec<Channel<'a>>, Refused> {
    let words = Words::new(variables, secrets);
    let one = |(name, notify): &(&str, &Notify)| {
        let notifier = notifier(&notify.kind, &words, say).map_err(|problem| {
            let hint = format!("`[notify.{name}]` in the project file says how it is reached");
            (format!("`{name}` cannot be told of incidents: failed to {problem}"), hint)
        })?;
        let on = notify.on.iter().map(|change| changed(*change)).collect();
        let filter = Filter { on, severity: severity(notify.severity) };
        Ok(Channel { name: (*name).to_owned(), notifier, filter })
    };
    chosen.iter().map(one).collect()
}

/// What their templates may name, and what no error may tell.
struct Words {
    names: Map<String, Value>,
    secrets: Vec<Secret>,
}

impl Words {
    fn new(variables: Map<String, Value>, secrets: &BTreeMap<String, Secret>) -> Self {
        let named: Map<String, Value> =
            secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().into())).collect();
        let names = [("variable", variables), ("secret", named)];
        let names = names.into_iter().map(|(root, below)| (root.to_owned(), below.into())).collect();
        Self { names, secrets: secrets.values().cloned().collect() }
    }

    /// The text of an error names the template, never what it was filled in with.
    fn text(&self, template: &str) -> Result<String, String> {
        render_text(template, &self.names).map_err(|error| error.to_string())
    }

    fn secret(&self, template: &str) -> Result<Secret, String> {
        self.text(template).map(Secret::new)
    }

    /// A receiver may say whatever it was sent, and by whom else it is used.
    fn hook(&self, url: &str, own: &[&Secret]) -> Result<Hook, String> {
        let secrets = self.secrets.iter().chain(own.iter().copied()).cloned().collect();
        Hook::new(&self.secret(url)?, secrets).map_err(|error| error.to_string())
    }
}

fn notifier<'a>(kind: &NotifyKind, words: &Words, say: Say<'a>) -> Result<Box<dyn Notifier + 'a>, String> {
    Ok(match kind {
        NotifyKind::Slack { url } => Box::new(Slack::new(words.hook(url, &[])?)),
        NotifyKind::PagerDuty { key, url } => {
            let key = words.secret(key)?;
            let hook = words.hook(url.as_deref().unwrap_or(pagerduty::URL), &[&key])?;
            Box::new(PagerDuty::new(hook, key))
        }
        NotifyKind::Webhook { url, secret } => {
            let secret = words.secret(secret)?;
            Box::new(Webhook::new(words.hook(url, &[&secret])?, secret))
        }
        NotifyKind::Mail { smtp, from, to } => {
            let to = to.iter().map(|to| words.text(to)).collect::<Result<Vec<_>, _>>()?;
            let mail = Mail::new(&words.secret(smtp)?, &words.text(from)?, &to);
            Box::new(mail.map_err(|error| error.to_string())?)
        }
        NotifyKind::Stdout => Box::new(Stdout::new(say)),
    })
}

fn changed(change: NotifyChange) -> Change {
    match change {
        NotifyChange::Opened => Change::Opened,
        NotifyChange::Updated => Change::Updated,
        NotifyChange::Acknowledged => Change::Acknowledged,
        NotifyChange::Resolved => Change::Resolved,
    }
}

fn severity(severity: NotifySeverity) -> Severity {
    match severity {
        NotifySeverity::Low => Severity::Low,
        NotifySeverity::Medium => Severity::Medium,
        NotifySeverity::High => Severity::High,
        NotifySeverity::Critical => Severity::Critical,
    }
}
