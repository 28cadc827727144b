//! Elastic tab stops: Go's `text/tabwriter`, with which kubectl aligns what it prints.
//!
//! A cell ends at a tab; what follows the last tab of a line belongs to no column. A column is a run of neighbouring lines that
//! all have that cell, and is as wide as its widest cell and the padding. Left out: flags, form feeds, tab padding.

/// Aligns lines of cells with spaces.
pub fn align(text: &str, padding: usize) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut out = String::with_capacity(text.len() * 2);
    block(&lines, padding, &mut Vec::new(), &mut out);
    out
}

/// Formats the next column of these lines, and what lies right of it, and writes them.
fn block(lines: &[Vec<&str>], padding: usize, widths: &mut Vec<usize>, out: &mut String) {
    let column = widths.len();
    let has_cell = |line: &Vec<&str>| column + 1 < line.len();
    let mut rest = lines;
    while !rest.is_empty() {
        let before = rest.iter().position(has_cell).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(before);
        plain.iter().for_each(|line| write_line(line, widths, out));
        let inside = after.iter().position(|line| !has_cell(line)).unwrap_or(after.len());
        let (cells, after) = after.split_at(inside);
        if !cells.is_empty() {
            let width = cells.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
            widths.push(width.unwrap_or_default() + padding);
            block(cells, padding, widths, out);
            widths.pop();
        }
        rest = after;
    }
}

fn write_line(line: &[&str], widths: &[usize], out: &mut String) {
    for (at, cell) in line.iter().enumerate() {
        out.push_str(cell);
        if let Some(width) = widths.get(at) {
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn a_column_is_as_wide_as_its_neighbouring_cells() {
        assert_eq!(align("Name:\tweb\nSelector:\tapp=web\n", 2), "Name:      web\nSelector:  app=web\n");
        assert_eq!(align("a\tb\nplain\nlonger\tc\n", 2), "a  b\nplain\nlonger  c\n");
        assert_eq!(align("x\ty\tz\nlong\tyy\n", 2), "x     y  z\nlong  yy\n");
    }

    #[test]
    fn an_empty_cell_still_takes_its_padding() {
        assert_eq!(align("a\t\tb\nc\t\td\n", 2), "a    b\nc    d\n");
        assert_eq!(align("Container ID:\t\nImage:\tnginx\n", 2), "Container ID:  \nImage:         nginx\n");
    }
}
