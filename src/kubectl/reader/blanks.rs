//! Blanks that look plain and are not: YAML takes a no-break blank for a letter, so names and values are others than they seem.

use super::chunks::Chunk;
use super::reading::whole;
use crate::diagnostic::Fix;
use crate::kubectl::paste::plain_blank;
use crate::kubectl::yaml::{self, Document, Place};
use crate::msg;

/// The first blank that YAML takes for a letter where a plain one is meant: in a line's indentation, or behind a colon or a dash.
pub(super) fn odd_blank(chunk: &Chunk) -> Option<Place> {
    chunk.text.lines().zip(1..).find_map(|(text, line)| {
        let margin = text.chars().take_while(|c| is_odd(*c) || matches!(c, ' ' | '-')).count();
        let mut before = ' ';
        let at = text.chars().enumerate().position(|(at, c)| {
            let counts = is_odd(c) && (at < margin || matches!(before, ':' | '-'));
            before = c;
            counts
        })?;
        let column = u32::try_from(at).unwrap_or(0) + 1;
        Some(Place { line, column, end_line: line, end_column: column + 1 })
    })
}

/// Whether odd blanks give the document other names than plain ones would: not those inside a text or behind a value.
pub(super) fn misread(chunk: &Chunk, document: &Document) -> bool {
    let mended = || yaml::parse(&chunk.text.chars().filter_map(plain_blank).collect::<String>());
    odd_blank(chunk).is_some()
        && mended().is_ok_and(|plain| plain.is_some_and(|plain| !plain.keys.keys().eq(document.keys.keys())))
}

fn is_odd(c: char) -> bool {
    plain_blank(c) != Some(c)
}

/// One click: the same document with plain blanks.
pub(super) fn fixes(chunk: &Chunk) -> Vec<Fix> {
    whole(chunk, msg!("fix.blanks"), |text| text.chars().filter_map(plain_blank).collect())
}
