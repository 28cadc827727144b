//! The editor's text fields, as the browser holds them: changed so that its own undo knows, and scrolled to a line.

use super::text;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlTextAreaElement};

/// So many lines are inserted as if typed; a browser takes seconds for more, as it lays the text out anew after each line.
const BY_HAND: usize = 100;

/// The editor's field of a file.
pub fn field(file: usize) -> Option<HtmlTextAreaElement> {
    gloo::utils::document().get_element_by_id(&format!("editor-{file}"))?.dyn_into().ok()
}

/// Replaces a stretch so that the browser's own undo takes it back, and says whether it does. The focus stays where it is.
pub fn splice(field: &HtmlTextAreaElement, start: u32, end: u32, text: &str) -> bool {
    let value = field.value();
    let end = end.min(text::utf16_len(&value));
    let (head, tail, fresh) = text::difference(&text::between(&value, start, end), text);
    let caret = start + text::utf16_len(text);
    let (start, end) = (start + head, end - tail);
    if fresh.is_empty() && start == end {
        return true;
    }
    let document = gloo::utils::document();
    let focused = document.active_element().and_then(|element| element.dyn_into::<HtmlElement>().ok());
    // Focus and selection cannot fail on a text area.
    let _ = field.focus();
    let _ = field.set_selection_range(start, end);
    let by_hand = fresh.matches('\n').count() <= BY_HAND
        && document.dyn_into::<web_sys::HtmlDocument>().is_ok_and(|document| {
            let (command, value) = if fresh.is_empty() { ("delete", "") } else { ("insertText", fresh) };
            document.exec_command_with_show_ui_and_value(command, false, value).unwrap_or(false)
        });
    if !by_hand {
        let _ = field.set_range_text_with_start_and_end(fresh, start, end);
    }
    let _ = field.set_selection_range(caret, caret);
    let _ = match focused.filter(|focused| focused.tag_name() != "BODY") {
        Some(focused) => focused.focus(),
        None => field.blur(),
    };
    by_hand
}

/// Scrolls a file to a line, and selects it.
pub fn show_line(file: usize, line: u32) {
    let Some(field) = field(file) else { return };
    let text = field.value();
    let (start, end) = (text::offset(&text, line, 1), text::offset(&text, line, u32::MAX));
    let _ = field.focus();
    let _ = field.set_selection_range(start, end);
    if let Some(row) = gloo::utils::document().query_selector(&format!("#lines-{file} [data-n='{line}']")).ok().flatten() {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Center);
        row.scroll_into_view_with_scroll_into_view_options(&options);
    }
}
