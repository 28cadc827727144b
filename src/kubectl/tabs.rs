//! Tabs that indent, which YAML forbids, become blanks.
//!
//! How wide a tab was meant to be is seen from the text: where lines are indented by blanks as well, only one width may make them
//! agree. Two blanks are tried first, which is what Kubernetes' own examples use.

use super::yaml;

/// The text without tabs in its indentation.
pub(super) fn untab(text: &str) -> String {
    let at = |width: usize| text.split('\n').map(|line| untab_line(line, width)).collect::<Vec<_>>().join("\n");
    // Every document must be readable: a part that is not tells nothing of the others.
    let reads = |text: &String| text.split("\n---").all(|document| yaml::parse(document).is_ok());
    [2, 4, 8].into_iter().map(at).find(reads).unwrap_or_else(|| at(2))
}

/// Tabs at a line's beginning, also behind the dashes of a list, lead to the next stop.
fn untab_line(line: &str, width: usize) -> String {
    let mut margin = String::new();
    let mut rest = line;
    loop {
        let mut chars = rest.chars();
        match (chars.next(), rest.get(1..2)) {
            (Some('\t'), _) => {
                let column = margin.len();
                margin.push_str(&" ".repeat(width - column % width));
            }
            (Some(' '), _) => margin.push(' '),
            (Some('-'), Some(" " | "\t")) => margin.push('-'),
            _ => return margin + rest,
        }
        rest = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_is_two_blanks_where_nothing_says_otherwise() {
        assert_eq!(untab("a:\n\tb:\n\t- c: 1\n\t\td: 2"), "a:\n  b:\n  - c: 1\n    d: 2");
        assert_eq!(untab("a:\n-\tb: 1\n\tc: 2"), "a:\n- b: 1\n  c: 2");
    }

    #[test]
    fn a_tab_is_as_wide_as_the_blanks_beside_it_need() {
        assert_eq!(untab("a:\n    b:\n\t- c: 1\n\t  d: 2"), "a:\n    b:\n    - c: 1\n      d: 2");
        assert_eq!(untab("a:\n        b: 1\n\tc: 2"), "a:\n        b: 1\n        c: 2");
    }

    #[test]
    fn a_tab_inside_a_line_stays() {
        assert_eq!(untab("a: b\tc"), "a: b\tc");
    }
}
