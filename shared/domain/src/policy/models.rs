//! Which models a run may name instead of the configured one, and what they cost where the operator says so.

use super::name_matches;

/// The operator's list, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AllowedModels {
    entries: Vec<AllowedModel>,
}

/// One entry: a model's name, or a pattern in which `*` stands for any part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct AllowedModel {
    pattern: String,
    /// Dollars per million input and output tokens; the configured model's if absent.
    pub price: Option<(f64, f64)>,
}

impl AllowedModels {
    /// Reads `NAME`, `NAME=INPUT/OUTPUT` (dollars per million tokens), separated by commas. Nothing at all allows none.
    ///
    /// # Errors
    /// A sentence about the first entry that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(parse_entry);
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// The first entry that stands for the model. Names are compared letter by letter.
    pub fn find(&self, model: &str) -> Option<&AllowedModel> {
        self.entries.iter().find(|entry| name_matches(&entry.pattern, model))
    }
}

fn parse_entry(entry: &str) -> Result<AllowedModel, String> {
    let wrong = || format!("`{entry}` is neither NAME nor NAME=INPUT/OUTPUT with two prices in dollars per million tokens");
    let Some((pattern, prices)) = entry.split_once('=') else {
        return Ok(AllowedModel { pattern: entry.to_owned(), price: None });
    };
    let (input, output) = prices.split_once('/').ok_or_else(wrong)?;
    let price = |text: &str| text.trim().parse::<f64>().ok().filter(|dollars| (0.0..=1_000_000.0).contains(dollars)).ok_or_else(wrong);
    if pattern.trim().is_empty() {
        return Err(wrong());
    }
    Ok(AllowedModel { pattern: pattern.trim().to_owned(), price: Some((price(input)?, price(output)?)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_stands_for_a_model_counts() {
        let list = AllowedModels::parse(" gpt-5-mini=0.25/2, gpt-5* ,vendor/*:free=0/0,").unwrap();
        let price = |model: &str| list.find(model).map(|found| found.price);
        assert_eq!(price("gpt-5-mini"), Some(Some((0.25, 2.0))));
        assert_eq!(price("gpt-5-mini-2"), Some(None));
        assert_eq!(price("vendor/x:free"), Some(Some((0.0, 0.0))));
        for model in ["gpt-4", "GPT-5", "x-gpt-5", "vendor/x", ""] {
            assert_eq!(price(model), None, "{model}");
        }
        assert_eq!(AllowedModels::parse("").unwrap().find("x"), None);
    }

    #[test]
    fn what_is_no_entry_is_named() {
        for entry in ["x=1", "x=a/b", "x=1/-2", "=1/2", "x=1/2/3", "x=NaN/1", "x=inf/1"] {
            let error = AllowedModels::parse(&format!("ok, {entry}")).unwrap_err();
            assert!(error.contains(entry), "{error}");
        }
    }
}
