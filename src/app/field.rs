//! The editor's text fields, as the browser holds them: changed, and scrolled to a line.

use super::text;
use wasm_bindgen::JsCast;
use web_sys::HtmlTextAreaElement;

/// The editor's field of a file.
pub fn field(file: usize) -> Option<HtmlTextAreaElement> {
    gloo::utils::document().get_element_by_id(&format!("editor-{file}"))?.dyn_into().ok()
}

/// Replaces a stretch, and puts the caret behind it. The focus stays where it is.
pub fn splice(field: &HtmlTextAreaElement, start: u32, end: u32, text: &str) {
    let value = field.value();
    let end = end.min(text::utf16_len(&value));
    let (head, tail, fresh) = text::difference(&text::between(&value, start, end), text);
    let caret = start + text::utf16_len(text);
    if !fresh.is_empty() || start + head != end - tail {
        // A range inside the text, and a selection, cannot fail on a text area.
        let _ = field.set_range_text_with_start_and_end(fresh, start + head, end - tail);
    }
    let _ = field.set_selection_range(caret, caret);
}

/// Scrolls a file to a line, and selects it.
pub fn show_line(file: usize, line: u32) {
    let Some(field) = field(file) else { return };
    let text = field.value();
    let (start, end) = (text::offset(&text, line, 1), text::offset(&text, line, u32::MAX));
    let _ = field.focus();
    let _ = field.set_selection_range(start, end);
    let found = |what: &str| gloo::utils::document().query_selector(what).ok().flatten();
    if let Some(row) = found(&format!("#lines-{file} [data-n='{line}']")) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Center);
        row.scroll_into_view_with_scroll_into_view_options(&options);
    } else if let Ok(Some(frame)) = field.closest(".ed") {
        // A line of a long text that is drawn once it is in sight; all are of one height.
        let above = f64::from(frame.scroll_height()) * f64::from(line) / text.split('\n').count() as f64;
        frame.set_scroll_top(above as i32 - frame.client_height() / 2);
    }
}
