//! Alarms over a store in memory, with values that the test sets and a shard that takes transitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_api::cloudwatch::{
    DescribeAlarmHistoryInput, DescribeAlarmsInput, Error, PutCompositeAlarmInput,
    PutMetricAlarmInput,
};
use stepwell_store::Disk;
use stepwell_telemetry::alarms::{
    AlarmHistory, Alarms, Owner, Point, StateValue, Transition, Watched, What,
};
use stepwell_telemetry::metrics::{Limits, Metrics};

/// The beginning of a minute.
pub const START_MS: i64 = 1_700_000_040_000;

pub struct World {
    disk: Disk,
    metrics: Metrics,
    pub alarms: Alarms,
    pub now_ms: i64,
    /// Values by the metric's name and the second at which they came.
    values: BTreeMap<(String, i64), f64>,
    /// What the shard has taken.
    pub taken: Vec<Transition>,
}

impl World {
    pub fn new() -> World {
        let disk = Disk::new();
        let metrics = Metrics::open(Box::new(disk.open()), Limits::default()).expect("readable");
        let alarms = open(&metrics, START_MS);
        World {
            disk,
            metrics,
            alarms,
            now_ms: START_MS,
            values: BTreeMap::new(),
            taken: Vec::new(),
        }
    }

    /// A value of a metric, now.
    pub fn value(&mut self, metric: &str, value: f64) {
        let second = self.now_ms.div_euclid(1_000);
        self.values.insert((metric.to_owned(), second), value);
    }

    pub fn put(&mut self, input: PutMetricAlarmInput) -> Result<(), Error> {
        let done = self.alarms.put_metric_alarm(input, self.now_ms);
        self.commit();
        done
    }

    pub fn put_composite(&mut self, input: PutCompositeAlarmInput) -> Result<(), Error> {
        let done = self.alarms.put_composite_alarm(input, self.now_ms);
        self.commit();
        done
    }

    /// Goes on to an instant, evaluates all that is due on the way, and hands transitions over.
    pub fn until(&mut self, at_ms: i64) {
        while let Some(due_ms) = self.alarms.next_due().filter(|due_ms| *due_ms <= at_ms) {
            self.now_ms = self.now_ms.max(due_ms);
            self.tick();
            self.hand_over();
        }
        self.now_ms = at_ms;
    }

    pub fn seconds(&mut self, seconds: i64) {
        self.until(self.now_ms + seconds * 1_000);
    }

    pub fn tick(&mut self) {
        let values = self.values.clone();
        self.alarms
            .tick(self.now_ms, &|watched| Ok(points(&values, watched)));
        self.commit();
    }

    /// The shard takes what is committed.
    pub fn hand_over(&mut self) {
        while let Some(transition) = self.alarms.oldest_transition().cloned() {
            let outcomes = vec![None; transition.actions.len()];
            self.alarms
                .handed_over(transition.number, &outcomes, self.now_ms);
            self.commit();
            self.taken.push(transition);
        }
    }

    pub fn commit(&mut self) {
        self.alarms.stage(&mut self.metrics);
        self.metrics
            .commit(self.now_ms)
            .expect("a commit goes well");
    }

    /// What was not committed is lost.
    pub fn crash(&mut self) {
        let store = Box::new(self.disk.crash());
        self.metrics = Metrics::open(store, Limits::default()).expect("readable");
        self.alarms = open(&self.metrics, self.now_ms);
    }

    pub fn state(&self, name: &str) -> StateValue {
        let input = DescribeAlarmsInput {
            alarm_names: Some(vec![name.to_owned()]),
            alarm_types: Some(vec!["MetricAlarm".to_owned(), "CompositeAlarm".to_owned()]),
            ..DescribeAlarmsInput::default()
        };
        let described = self.alarms.describe_alarms(&input).expect("valid");
        let metric = described.metric_alarms.into_iter().flatten();
        let composite = described.composite_alarms.into_iter().flatten();
        let value = metric
            .map(|alarm| alarm.state_value)
            .chain(composite.map(|alarm| alarm.state_value))
            .next()
            .flatten()
            .expect("the alarm is there");
        StateValue::parse(&value).expect("a state")
    }

    /// `HistorySummary` of each item, oldest first.
    pub fn history(&self, name: &str) -> Vec<String> {
        let input = DescribeAlarmHistoryInput {
            alarm_name: Some(name.to_owned()),
            scan_by: Some("TimestampAscending".to_owned()),
            ..DescribeAlarmHistoryInput::default()
        };
        let history = AlarmHistory::new(Arc::new(self.metrics.reader()));
        let described = history.describe(&input).expect("readable").expect("valid");
        let items = described.alarm_history_items.into_iter().flatten();
        items.filter_map(|item| item.history_summary).collect()
    }

    pub fn snapshot(&self) -> AlarmHistory {
        AlarmHistory::new(Arc::new(self.metrics.reader()))
    }

    pub fn trim(&mut self) {
        let rows = self.metrics.reader();
        self.alarms
            .trim_history(&rows, self.now_ms)
            .expect("readable");
        self.commit();
    }

    /// Targets of the actions that the shard has taken, with the state in what they got.
    pub fn actions(&self) -> Vec<String> {
        self.taken
            .iter()
            .flat_map(|transition| &transition.actions)
            .map(|action| action.target.clone())
            .collect()
    }
}

fn open(metrics: &Metrics, now_ms: i64) -> Alarms {
    let owner = Owner {
        region: "us-east-1".to_owned(),
        account: "123456789012".to_owned(),
    };
    Alarms::open(&metrics.reader(), owner, 7, now_ms).expect("readable")
}

/// The sum of the values of each period.
fn points(values: &BTreeMap<(String, i64), f64>, watched: Watched<'_>) -> Vec<Point> {
    let name = match watched.what {
        What::Metric { name, .. } => name,
        What::Math(queries) => queries[0].id.as_str(),
    };
    (0..watched.count)
        .map(|age| {
            let age = i64::try_from(age).expect("small");
            let start_ms = watched.end_ms - (age + 1) * watched.period_s * 1_000;
            let (from, to) = (start_ms / 1_000, start_ms / 1_000 + watched.period_s);
            let range = (name.to_owned(), from)..(name.to_owned(), to);
            let found: Vec<f64> = values.range(range).map(|(_, value)| *value).collect();
            Point {
                start_ms,
                value: (!found.is_empty()).then(|| found.iter().sum()),
                samples: found.len() as f64,
            }
        })
        .collect()
}

/// An alarm on a metric of its name: more than 5 in one period of ten seconds.
pub fn alarm(name: &str) -> PutMetricAlarmInput {
    PutMetricAlarmInput {
        alarm_name: name.to_owned(),
        namespace: Some("Shop".to_owned()),
        metric_name: Some(name.to_owned()),
        statistic: Some("Sum".to_owned()),
        period: Some(10),
        evaluation_periods: Some(1),
        threshold: Some(5.0),
        comparison_operator: Some("GreaterThanThreshold".to_owned()),
        treat_missing_data: Some("notBreaching".to_owned()),
        ..PutMetricAlarmInput::default()
    }
}

pub fn composite(name: &str, rule: &str) -> PutCompositeAlarmInput {
    PutCompositeAlarmInput {
        alarm_name: name.to_owned(),
        alarm_rule: rule.to_owned(),
        ..PutCompositeAlarmInput::default()
    }
}

pub const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:on-alarm";
pub const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:on-alarm";
pub const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:alarms";
