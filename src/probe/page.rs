//! Pages, as a person sees them: a real browser goes there with the customer's cookies, and what it then shows is read.
//!
//! The browser is driven by `WebDriver`, with two commands of Chromium's own for cookies, so the server is a
//! `chromedriver`. Where the app is on this machine the browser reaches nothing else: whatever a page embeds from
//! elsewhere is not found.

#[cfg(feature = "page")]
mod window;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::client::{shown, url};
use super::{Cookies, ReadError, Text};
use crate::project::model::PageCall;

/// How to read a page. Beside its own fields a reading has `http_status`, `title`, `url` (path and query), where
/// pictures are kept `screenshot`, and where it is kept or nothing else is read, `text`: what is visible.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "page"), expect(dead_code, reason = "nothing is looked at without the feature"))]
pub struct PageReader {
    /// Field → CSS selector: the visible text of the first element that it finds.
    selectors: BTreeMap<String, String>,
    text: Text,
}

impl PageReader {
    /// Reads these fields, by CSS selectors.
    #[must_use]
    pub fn new(selectors: &BTreeMap<String, String>, text: Text) -> Self {
        let text = if selectors.is_empty() { Text::Keep } else { text };
        Self { selectors: selectors.clone(), text }
    }
}

/// A browser that looks at pages, a few at a time. Its driver is started and ended by whoever makes it.
#[derive(Debug)]
pub struct Browser {
    #[cfg(feature = "page")]
    windows: window::Windows,
}

impl Browser {
    /// What starts the driver; a port is added as `--port=…`.
    pub const DRIVER: &str = "chromedriver";

    /// Whether this build can look at pages at all.
    pub const BUILT_IN: bool = cfg!(feature = "page");

    /// A browser behind the driver at `driver`; pictures of what it saw go into the folder `pictures`, named after
    /// the run by `mark`.
    #[must_use]
    #[cfg_attr(
        not(feature = "page"),
        expect(unused_variables, reason = "nothing is looked at without the feature")
    )]
    pub fn new(driver: String, pictures: Option<PathBuf>, mark: &str) -> Self {
        Self {
            #[cfg(feature = "page")]
            windows: window::Windows::new(driver, pictures, mark.to_owned()),
        }
    }

    /// Looks at a page of the app that is reached under `base`, with and for these cookies.
    pub(super) async fn read(
        &self,
        reader: &PageReader,
        call: &PageCall,
        base: &str,
        cookies: &Cookies,
    ) -> Result<Map<String, Value>, ReadError> {
        let page = url(base, &call.path)?;
        #[cfg(feature = "page")]
        return self.windows.look(reader, call, page, cookies).await;
        #[cfg(not(feature = "page"))]
        {
            let _ = (reader, cookies);
            let problem =
                "this build of Paydrill has no browser: build it with the feature `page`".to_owned();
            Err(ReadError::Browser { url: shown(&page), problem })
        }
    }
}

/// The call in words.
pub(super) fn describe(call: &PageCall, base: &str) -> String {
    let page = url(base, &call.path).map_or_else(|_| call.path.clone(), |page| shown(&page));
    format!("page {page}")
}
