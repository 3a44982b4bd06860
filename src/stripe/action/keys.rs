//! Reading the keys of an action, one by one.

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::{ActionKind, Item};

/// A key of an action that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read `{key}`: {problem}")]
pub struct KeyProblem {
    /// The key.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl KeyProblem {
    pub(super) fn new(key: &str, problem: impl Into<String>) -> Self {
        Self { key: key.to_owned(), problem: problem.into() }
    }
}

/// The keys of one action; all known, not yet typed.
pub(super) struct Keys<'a>(&'a Map<String, Value>);

/// The longest time that `advance` and `trial` take, in days: a century is past any billing story.
const LONGEST_DAYS: f64 = 36_525.0;

impl<'a> Keys<'a> {
    /// Refuses keys that the action does not have.
    pub(super) fn new(kind: ActionKind, keys: &'a Map<String, Value>) -> Result<Self, KeyProblem> {
        let known = |key: &str| kind.own_keys().contains(&key) || ActionKind::COMMON_KEYS.contains(&key);
        match keys.keys().find(|key| !known(key)) {
            Some(key) => {
                let all = [kind.own_keys(), &ActionKind::COMMON_KEYS].concat().join(", ");
                Err(KeyProblem::new(key, format!("is not a key of `{kind}`, which has: {all}")))
            }
            None => Ok(Self(keys)),
        }
    }

    /// Whether a key is this word.
    pub(super) fn is(&self, key: &str, word: &str) -> bool {
        self.0.get(key).is_some_and(|value| value == word)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// What `read` gives, or the problem that it is missing.
    pub(super) fn needed<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self, &str) -> Result<Option<T>, KeyProblem>,
    ) -> Result<T, KeyProblem> {
        read(self, key)?.ok_or_else(|| KeyProblem::new(key, "is missing"))
    }

    pub(super) fn word(&mut self, key: &str) -> Result<Option<String>, KeyProblem> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::String(word)) if !word.is_empty() => Ok(Some(word.clone())),
            Some(_) => Err(KeyProblem::new(key, "must be a name")),
        }
    }

    pub(super) fn object(&mut self, key: &str) -> Result<Map<String, Value>, KeyProblem> {
        match self.0.get(key) {
            None => Ok(Map::new()),
            Some(Value::Object(fields)) => Ok(fields.clone()),
            Some(_) => Err(KeyProblem::new(key, "must be a table of fields")),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, KeyProblem> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(KeyProblem::new(key, "must be true or false")),
        }
    }

    /// Seconds since 1970, where the value is a number.
    pub(super) fn second(&mut self, key: &str) -> Result<Option<i64>, KeyProblem> {
        if self.0.get(key).is_some_and(Value::is_number) {
            self.whole(key, 1, "must be seconds since 1970, before 2106")
        } else {
            Ok(None)
        }
    }

    /// A whole number from 0.
    pub(super) fn amount(&mut self, key: &str) -> Result<Option<i64>, KeyProblem> {
        self.whole(key, 0, "must be a whole number from 0")
    }

    /// A whole number from 1, and few enough to be multiplied by any price.
    pub(super) fn quantity(&mut self, key: &str) -> Result<Option<i64>, KeyProblem> {
        self.whole(key, 1, "must be a whole number from 1")
    }

    /// `None` for `"all"`.
    pub(super) fn attempts(&mut self, key: &str) -> Result<Option<u32>, KeyProblem> {
        match self.0.get(key) {
            Some(Value::String(word)) if word == "all" => Ok(None),
            _ => {
                let attempts = self.whole(key, 1, "must be a whole number from 1, or \"all\"")?.unwrap_or(1);
                Ok(Some(u32::try_from(attempts).unwrap_or(u32::MAX)))
            }
        }
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, KeyProblem> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        choices.iter().find(|(word, _)| value == word).map(|(_, choice)| Some(*choice)).ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            KeyProblem::new(key, format!("must be one of {}", words.join(", ")))
        })
    }

    /// Days, as a number or as a duration of whole days.
    pub(super) fn days(&mut self, key: &str) -> Result<Option<i64>, KeyProblem> {
        if let Some(Value::String(_)) = self.0.get(key) {
            return Ok(self.duration(key)?.map(|duration| duration.as_hours() / 24));
        }
        match self.whole(key, 1, "must be days, like 14 or \"14d\"")? {
            Some(days) if days > LONGEST_DAYS as i64 => Err(KeyProblem::new(key, "is more than a century")),
            days => Ok(days),
        }
    }

    /// A duration like `"31d"`, not below zero.
    pub(super) fn duration(&mut self, key: &str) -> Result<Option<SignedDuration>, KeyProblem> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let problem =
            || KeyProblem::new(key, "must be a duration up to a century, like \"31d\" or \"90min\"");
        value.as_str().and_then(duration).map(Some).ok_or_else(problem)
    }

    /// At least one item.
    pub(super) fn items(&mut self, key: &str) -> Result<Option<Vec<Item>>, KeyProblem> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        let problem =
            || KeyProblem::new(key, "must be a list like [{ price = \"pro_monthly\", quantity = 2 }]");
        let items = value.as_array().filter(|items| !items.is_empty()).ok_or_else(problem)?;
        items.iter().map(|value| item(value).ok_or_else(problem)).collect::<Result<_, _>>().map(Some)
    }

    fn whole(&self, key: &str, least: i64, problem: &str) -> Result<Option<i64>, KeyProblem> {
        let Some(value) = self.0.get(key) else { return Ok(None) };
        match value.as_i64() {
            Some(number) if number >= least && number <= i64::from(u32::MAX) => Ok(Some(number)),
            _ => Err(KeyProblem::new(key, problem)),
        }
    }
}

fn item(value: &Value) -> Option<Item> {
    let fields = value.as_object()?;
    if fields.keys().any(|key| key != "price" && key != "quantity") {
        return None;
    }
    let quantity = match fields.get("quantity") {
        None => 1,
        Some(quantity) => {
            quantity.as_i64().filter(|quantity| (1..=i64::from(u32::MAX)).contains(quantity))?
        }
    };
    Some(Item { price: fields.get("price")?.as_str()?.to_owned(), quantity })
}

/// `500ms`, `10s`, `5m` or `5min`, `1.5h`, `31d`, `2w`.
fn duration(text: &str) -> Option<SignedDuration> {
    let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return None,
    };
    let seconds = number.trim().parse::<f64>().ok()? * seconds;
    if !(0.0..=LONGEST_DAYS * 86_400.0).contains(&seconds) {
        return None;
    }
    SignedDuration::try_from_secs_f64(seconds).ok()
}
