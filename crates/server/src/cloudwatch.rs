//! Operations of CloudWatch, in three protocols: metrics, dashboards, tags.

use std::sync::Arc;

use stepwell_api::Reply;
use stepwell_api::cloudwatch::{self, Call, Error, Operation, Protocol};

use crate::metric_writer::MetricQueue;

/// What the operations need.
pub(crate) struct CloudWatchOperations {
    #[allow(dead_code, reason = "its users come one by one")]
    pub(crate) queue: Arc<MetricQueue>,
}

impl CloudWatchOperations {
    /// Answers one request.
    ///
    /// - `protocol`: of the request, for the case that it names no operation.
    pub(crate) async fn answer(
        &self,
        protocol: Protocol,
        call: Result<Call<'_>, Error>,
        request_id: &str,
    ) -> Reply {
        let answered = match call {
            Ok(call) => self.dispatch(&call, request_id).await,
            Err(error) => Err(error),
        };
        answered.unwrap_or_else(|error| cloudwatch::error_reply(protocol, &error, None, request_id))
    }

    async fn dispatch(&self, call: &Call<'_>, _request_id: &str) -> Result<Reply, Error> {
        Err(not_implemented(call.operation))
    }
}

fn not_implemented(operation: Operation) -> Error {
    Error::not_implemented(format!(
        "Stepwell does not implement CloudWatch {} yet",
        operation.name()
    ))
}
