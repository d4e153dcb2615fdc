const { rate } = require("rates");

exports.handler = async (event) =>
  event.httpMethod ? { statusCode: 200, body: event.pathParameters.item } : { total: event.items * rate };
