const { greet } = require("greeting");

exports.handler = async (event) => greet(event.name);
