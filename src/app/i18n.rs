//! The page's language: one language file is fetched at a time, and handed down to every component by context.

use crate::words::{Message, Words};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use yew::prelude::*;

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Language {
    #[default]
    En,
    Ko,
}

impl Language {
    /// As in `<html lang>` and in the name of its file.
    pub fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Ko => "ko",
        }
    }

    /// The language of a code such as `ko` or `ko-KR`; English for all others.
    pub fn of(code: &str) -> Language {
        if code.starts_with("ko") { Language::Ko } else { Language::En }
    }
}

/// The words of the chosen language.
#[derive(Clone, Debug, Default)]
pub struct Speech {
    /// Which language.
    pub language: Language,
    words: Rc<Words>,
}

impl PartialEq for Speech {
    fn eq(&self, other: &Speech) -> bool {
        Rc::ptr_eq(&self.words, &other.words)
    }
}

impl Speech {
    /// The words of a language.
    pub fn new(language: Language, words: Words) -> Speech {
        Speech { language, words: Rc::new(words) }
    }

    /// A message in this language.
    pub fn say(&self, message: &Message) -> String {
        self.words.say(message)
    }

    /// A text without arguments, by its id.
    pub fn t(&self, id: &str) -> String {
        self.words.text(id).unwrap_or(id).to_string()
    }

    /// Whether this language has a text for the id: hop texts come in variants, and not every variant has its own.
    pub fn has(&self, id: &str) -> bool {
        self.words.text(id).is_some()
    }
}

/// The words handed down by the page's root.
#[hook]
pub fn use_speech() -> Speech {
    use_context::<Speech>().unwrap_or_default()
}

/// Text with `code` between backticks set as code.
pub fn marked(text: &str) -> Html {
    text.split('`')
        .enumerate()
        .map(|(index, part)| {
            if index % 2 == 1 {
                // A long name breaks after its dots, not within a word.
                let whole = if part.len() > 20 { '.' } else { '\0' };
                html! { <code>{ for part.split_inclusive(whole).map(|label| html! { <>{ label }<wbr/></> }) }</code> }
            } else {
                html! { { part } }
            }
        })
        .collect()
}

/// Fetches the words of the page, and with `engine` also those that only the engine says (`static/build/after.js` parts them).
///
/// # Errors
/// When a file cannot be had or read.
pub async fn fetch_words(language: Language, engine: bool) -> Result<Words, JsValue> {
    let mut words = fetch_file(&format!("words/{}.json", language.code())).await?;
    if engine {
        words.extend(fetch_file(&format!("words/{}.engine.json", language.code())).await?);
    }
    Ok(words)
}

async fn fetch_file(path: &str) -> Result<Words, JsValue> {
    Words::read(&fetch_text(path).await?).map_err(|error| JsValue::from_str(&error.to_string()))
}

/// Fetches a text file that lies beside the page.
///
/// # Errors
/// When the file cannot be had.
pub async fn fetch_text(path: &str) -> Result<String, JsValue> {
    Ok(JsFuture::from(fetch(path).await?.text()?).await?.as_string().unwrap_or_default())
}

/// A file beside the page as bytes.
///
/// # Errors
/// When the file cannot be had.
pub async fn fetch_bytes(path: &str) -> Result<Vec<u8>, JsValue> {
    let buffer = JsFuture::from(fetch(path).await?.array_buffer()?).await?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

async fn fetch(path: &str) -> Result<web_sys::Response, JsValue> {
    let response: web_sys::Response = JsFuture::from(gloo::utils::window().fetch_with_str(path)).await?.dyn_into()?;
    if response.ok() { Ok(response) } else { Err(JsValue::from_str(&format!("{path}: {}", response.status()))) }
}
