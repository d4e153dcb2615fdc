//! The operations of CloudWatch on metrics and dashboards, as functions of what is kept.

mod dashboards;
mod get;
mod put;

pub use dashboards::{
    DASHBOARDS_MAX, Dashboard, Findings, TAGS_MAX, check_body, check_name, invalid_body,
    no_dashboard,
};
pub use get::{
    DATAPOINTS_MAX, STATISTICS_DATAPOINTS_MAX, failed, get_metric_data, get_metric_statistics,
    list_metrics, refused,
};
pub use put::{DATA_MAX, VALUES_MAX, samples};
