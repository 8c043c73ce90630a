// The gateway names no host when it listens, and so would be reached from outside. Loaded before it: here it is not.
const { Server } = require("node:net");

const listen = Server.prototype.listen;
Server.prototype.listen = function (port, host, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...(typeof host === "string" ? rest : [host, ...rest]));
};
