"""A debugger: as much of the Chrome DevTools Protocol over a WebSocket as tests need."""

import base64
import json
import os
import socket
import struct
import urllib.parse
import urllib.request

PATIENCE_SECONDS = 60


def targets(port):
    """What the inspector at a port offers; starts the function if it does not run."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE_SECONDS) as answer:
        return json.loads(answer.read())


class Inspector:
    """A debugger that is attached for as long as it is open."""

    def __init__(self, port):
        (target,) = targets(port)
        url = urllib.parse.urlsplit(target["webSocketDebuggerUrl"])
        assert url.port == port, f"the inspector names another port than {port}: {target}"
        self._socket = socket.create_connection((url.hostname, url.port), timeout=PATIENCE_SECONDS)
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._socket.sendall(request.encode())
        self._file = self._socket.makefile("rb")
        assert b" 101 " in self._file.readline()
        while self._file.readline() != b"\r\n":
            pass
        self._number = 0
        self.events = []

    def call(self, method, **parameters):
        """One command, and its result; events that come before it are kept."""
        self._number += 1
        self._send(json.dumps({"id": self._number, "method": method, "params": parameters}).encode())
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def wait_for(self, method):
        """The next event of this name."""
        while True:
            for at, event in enumerate(self.events):
                if event["method"] == method:
                    return self.events.pop(at)["params"]
            self.events.append(self._receive())

    def close(self):
        self._file.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send(self, text):
        mask = os.urandom(4)
        length = len(text)
        head = bytes([0x81, 0x80 | length]) if length < 126 else bytes([0x81, 0xFE]) + struct.pack(">H", length)
        self._socket.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text)))

    def _receive(self):
        whole = b""
        while True:
            first, second = self._read(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self._read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._read(8))
            whole += self._read(length)
            assert first & 0x0F != 8, "the inspector closed the connection"
            if first & 0x80:
                return json.loads(whole)

    def _read(self, length):
        data = self._file.read(length)
        assert len(data) == length, "the connection ended"
        return data
