//! Who hears of incidents.

use std::collections::BTreeMap;

use crate::project::document::{EnvironmentDocument, NotifyDocument};
use crate::project::model::{Notify, NotifyChange, NotifyKind, NotifySeverity};
use crate::scenario::code::Code;
use crate::scenario::decode::{Field, Map, Problems, Text};
use crate::scenario::diagnostic::{Diagnostic, suggest};
use crate::span::Spanned;

/// `[notify.NAME]`.
pub(super) fn notifiers(
    table: Option<&Map<NotifyDocument>>,
    problems: &mut Problems,
) -> BTreeMap<String, Notify> {
    let all = table.into_iter().flat_map(Map::iter);
    all.filter_map(|(name, field)| Some((name.to_owned(), notifier(field, problems)?))).collect()
}

fn notifier(document: &NotifyDocument, problems: &mut Problems) -> Option<Notify> {
    let on = match &document.on {
        Some(on) => on.iter().map(|change| change.value).collect(),
        None => vec![NotifyChange::Opened, NotifyChange::Resolved],
    };
    let severity = document.severity.as_ref().map_or(NotifySeverity::Low, |severity| severity.value);
    Some(Notify { kind: kind(document, problems)?, on, severity })
}

/// `None` after saying why.
fn kind(document: &NotifyDocument, problems: &mut Problems) -> Option<NotifyKind> {
    if let Some(slack) = &document.slack {
        return Some(NotifyKind::Slack { url: secret(slack.url.as_ref()?, "SLACK_WEBHOOK", problems) });
    }
    if let Some(pagerduty) = &document.pagerduty {
        let key = secret(pagerduty.value.key.as_ref()?, "PD_KEY", problems);
        return Some(NotifyKind::PagerDuty { key, url: pagerduty.url.as_ref().map(|url| url.value.clone()) });
    }
    if let Some(webhook) = &document.webhook {
        let secret = secret(webhook.secret.as_ref()?, "HOOK_SECRET", problems);
        return Some(NotifyKind::Webhook { url: webhook.url.as_ref()?.value.clone(), secret });
    }
    if let Some(mail) = &document.mail {
        let smtp = mail.smtp.as_ref()?;
        if has_password(smtp) {
            literal(smtp, "smtps://USER:{{ secret.SMTP_PASSWORD }}@HOST", problems);
        }
        let to = mail.to.as_ref()?.iter().map(|to| to.value.clone()).collect();
        return Some(NotifyKind::Mail {
            smtp: smtp.value.clone(),
            from: mail.from.as_ref()?.value.clone(),
            to,
        });
    }
    document.stdout.as_ref().map(|_| NotifyKind::Stdout)
}

/// What must never stand in a file: whoever reads it could write in our name.
fn secret(field: &Field<Text>, name: &str, problems: &mut Problems) -> String {
    if !field.value.contains("{{") {
        literal(field, &format!("{{{{ secret.{name} }}}}"), problems);
    }
    field.value.clone()
}

fn literal(field: &Field<Text>, instead: &str, problems: &mut Problems) {
    problems.push(
        Diagnostic::error(Code::LiteralSecret, "a secret of a notifier stands in this file")
            .at(&field.place)
            .label("whoever has it can write in your name")
            .help(format!("roll it, and write {instead}: it is read from the environment")),
    );
}

/// `smtps://user:password@host`, with the password written out.
fn has_password(smtp: &str) -> bool {
    let user = smtp.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    user.and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty() && !password.contains("{{"))
}

/// `[environment.NAME] notify`, each of which must exist.
pub(super) fn named(
    environment: &EnvironmentDocument,
    notifiers: &BTreeMap<String, Notify>,
    problems: &mut Problems,
) -> Vec<Spanned<String>> {
    let names = environment.notify.as_deref().cloned().unwrap_or_default();
    for name in &names {
        if !notifiers.contains_key(&name.value) {
            problems.push(
                Diagnostic::error(Code::UnknownNotifier, format!("unknown notifier `{}`", name.value))
                    .at(&name.place)
                    .label("no such `[notify.NAME]`")
                    .maybe_help(suggest(&name.value, "notifiers", notifiers.keys().map(String::as_str))),
            );
        }
    }
    names
}
