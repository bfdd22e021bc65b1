//! Exports as CSV (RFC 4180) that a spreadsheet opens as text, whatever somebody has written into a name.

use crate::error::{Error, Result};

/// What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A sheet with one line of headings.
///
/// # Errors
/// `Internal` where a row has more or fewer cells than there are headings.
pub fn csv<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Result<String> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(headings).map_err(Error::internal)?;
    for row in rows {
        writer.write_record(row.map(as_text)).map_err(Error::internal)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::internal(error.to_string()))?;
    String::from_utf8(bytes).map_err(Error::internal)
}

fn as_text(cell: String) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_formula_stays_text_and_a_comma_stays_in_its_cell() {
        let sheet = csv(
            ["name", "title"],
            [
                ["pay".to_owned(), "=HYPERLINK(\"https://evil.example\")".to_owned()],
                ["a,b".to_owned(), "+1\nnext".to_owned()],
            ],
        )
        .unwrap();
        assert_eq!(
            sheet,
            "name,title\r\npay,\"'=HYPERLINK(\"\"https://evil.example\"\")\"\r\n\"a,b\",\"'+1\nnext\"\r\n"
        );
    }

    proptest! {
        #[test]
        fn whatever_is_written_comes_back_as_text(text in "[=+@%_\\\\'\"a-z, \t\r\n-]{0,12}") {
            let sheet = csv(["x", "y"], [[text.clone(), String::new()]]).unwrap();
            let mut reader = ::csv::Reader::from_reader(sheet.as_bytes());
            let row = reader.records().next().unwrap().unwrap();
            prop_assert!(!row[0].starts_with(FORMULA));
            let marked = row[0].strip_prefix('\'').unwrap_or(&row[0]);
            prop_assert!(row[0] == text || marked == text);
        }
    }
}
