//! Aligned columns for people: two spaces between columns, no lines, no colour of its own.
//!
//! Cells hold text from outside, so each goes through [`visible`]; width is counted in characters.
//! What it leaves out: wrapping and cutting. A long cell makes a wide table; `-o json` is for
//! programs.

use crate::logging::visible;

/// The longest cell shown whole, in bytes; a longer one is cut with a marker.
const CELL_BYTES_MAX: usize = 256;

/// Rows under headings.
#[derive(Clone, Debug)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(headings: &[&'static str]) -> Self {
        Table {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; a cell beyond the last heading is left out, a missing one is empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = cells
            .into_iter()
            .take(self.headings.len())
            .map(|cell| visible(&cell, CELL_BYTES_MAX).to_string())
            .collect();
        row.resize(self.headings.len(), String::new());
        self.rows.push(row);
    }

    /// The lines, headings first, each without trailing spaces.
    pub fn lines(&self) -> Vec<String> {
        let headings: Vec<String> = self
            .headings
            .iter()
            .map(|text| (*text).to_owned())
            .collect();
        let widths: Vec<usize> = (0..headings.len())
            .map(|column| {
                std::iter::once(&headings)
                    .chain(&self.rows)
                    .filter_map(|row| row.get(column))
                    .map(|cell| cell.chars().count())
                    .max()
                    .unwrap_or_default()
            })
            .collect();
        std::iter::once(&headings)
            .chain(&self.rows)
            .map(|row| line(row, &widths))
            .collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells = row
        .iter()
        .zip(widths)
        .map(|(cell, &width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// A count with its thousands apart: `4,102`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&["NAME", "FILTER", "LAG"]);
        table.row(["a".to_owned(), "type=order.paid".to_owned(), "0".to_owned()]);
        table.row(["längst".to_owned(), "all".to_owned(), "12".to_owned()]);
        assert_eq!(
            table.lines(),
            [
                "NAME    FILTER           LAG",
                "a       type=order.paid  0",
                "längst  all              12",
            ]
        );
    }

    #[test]
    fn rows_are_cut_and_filled_to_the_headings() {
        let mut table = Table::new(&["A", "B"]);
        table.row(["1".to_owned()]);
        table.row(["1".to_owned(), "2".to_owned(), "3".to_owned()]);
        assert_eq!(table.lines(), ["A  B", "1", "1  2"]);
    }

    #[test]
    fn a_cell_cannot_drive_the_terminal() {
        let mut table = Table::new(&["A"]);
        table.row(["\u{1b}[2J\n\u{202e}x".to_owned()]);
        let lines = table.lines();
        assert_eq!(lines.len(), 2);
        assert!(
            !lines[1].contains(['\u{1b}', '\n', '\u{202e}']),
            "{:?}",
            lines[1]
        );
    }

    #[test]
    fn counts_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (12, "12"),
            (912, "912"),
            (4_102, "4,102"),
            (123_456, "123,456"),
            (1_200_000, "1,200,000"),
        ] {
            assert_eq!(count(number), text);
        }
    }
}
