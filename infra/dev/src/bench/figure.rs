//! What a benchmark found: figures with their targets, and how people and programs read them.

use serde::Serialize;
use std::time::Duration;

/// One number, and what it must be. Without a target it is only listed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    pub part: &'static str,
    pub name: String,
    pub value: f64,
    /// `×`, `ms`, `MB`, `calls`, …
    pub unit: &'static str,
    /// The most that it may be.
    pub target: Option<f64>,
    /// What it was measured beside, or how.
    pub beside: String,
    /// `None` where there is no target.
    pub ok: Option<bool>,
}

impl Figure {
    /// A figure that may be at most `target`.
    pub(super) fn at_most(part: &'static str, name: impl Into<String>, value: f64, unit: &'static str, target: f64) -> Self {
        Self { part, name: name.into(), value, unit, target: Some(target), beside: String::new(), ok: Some(value <= target) }
    }

    /// A figure that is only listed.
    pub(super) fn listed(part: &'static str, name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { part, name: name.into(), value, unit, target: None, beside: String::new(), ok: None }
    }

    /// The same figure with what it was measured beside.
    pub(super) fn beside(self, beside: impl Into<String>) -> Self {
        Self { beside: beside.into(), ..self }
    }

    fn verdict(&self) -> &'static str {
        match self.ok {
            Some(true) => "ok",
            Some(false) => "**missed**",
            None => "",
        }
    }
}

/// Everything that was measured, and where.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Processor, cores, and how busy they were with other things when it began.
    pub machine: String,
    pub figures: Vec<Figure>,
}

impl Report {
    /// How many targets were missed.
    pub fn missed(&self) -> usize {
        self.figures.iter().filter(|figure| figure.ok == Some(false)).count()
    }

    /// One Markdown table, and the machine.
    pub fn markdown(&self) -> String {
        let mut text = "| part | figure | measured | target | beside | |\n|---|---|---|---|---|---|\n".to_owned();
        for figure in &self.figures {
            let target = figure.target.map(|target| format!("≤ {}", amount(target, figure.unit))).unwrap_or_default();
            let measured = amount(figure.value, figure.unit);
            let (part, name, beside, verdict) = (figure.part, &figure.name, &figure.beside, figure.verdict());
            text.push_str(&format!("| {part} | {name} | {measured} | {target} | {beside} | {verdict} |\n"));
        }
        text.push_str(&format!("\n{}; {} of the targets missed.", self.machine, self.missed()));
        text
    }
}

/// A number as people write it, with its unit: two digits behind the point for what is small, none for what is large.
fn amount(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}

/// The value below which this share (0 to 1) of the values lies; 0 for none.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len().saturating_sub(1) as f64 * share).round();
    sorted.get(rank as usize).copied().unwrap_or_default()
}

/// The value in the middle.
pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// Milliseconds, with a fraction.
pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_is_said_and_counted() {
        let figures = vec![
            Figure::at_most("intake", "CPU", 0.86, "×", 1.0).beside("the floor"),
            Figure::at_most("intake", "RSS", 12.5, "MB", 12.0),
            Figure::listed("sizes", "zip", 3.4, "MB"),
        ];
        let report = Report { machine: "two cores".to_owned(), figures };
        assert_eq!(report.missed(), 1);
        let text = report.markdown();
        assert!(text.contains("| intake | CPU | 0.86 × | ≤ 1 × | the floor | ok |"), "{text}");
        assert!(text.contains("| intake | RSS | 12.5 MB | ≤ 12 MB |  | **missed** |"), "{text}");
        assert!(text.ends_with("two cores; 1 of the targets missed."), "{text}");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!((median(&values), percentile(&values, 0.95), percentile(&values, 1.0)), (51.0, 95.0, 100.0));
        assert_eq!(percentile(&[], 0.5), 0.0);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
    }
}
