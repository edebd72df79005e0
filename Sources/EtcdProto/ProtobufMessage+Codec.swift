//  The codecs of a message, from its visit alone. This module compiles them once for each message.

package import Protobuf
package import RuntimeCore

extension ProtobufMessage {
    @inline(__always)
    package func show<V: FieldVisitor>(to visitor: inout V) {
        var copy = self
        copy.visit(&visitor)
    }

    package static func decode(_ bytes: Bytes) throws(ProtobufError) -> Self {
        try message(from: MessageReader(bytes))
    }

    package static func decode(stored bytes: Bytes) throws(ProtobufError) -> Self {
        try message(from: MessageReader(bytes, .stored))
    }

    @inline(__always)
    private static func message(from reader: MessageReader) throws(ProtobufError) -> Self {
        var message = Self()
        var reader = reader
        reader.fill(&message)
        if let failure = reader.failure { throw failure }
        return message
    }

    package mutating func merge(_ reader: inout MessageReader) { reader.fill(&self) }

    package func measure() -> Int {
        var sizer = MessageSizer()
        show(to: &sizer)
        return sizer.size
    }

    package func write(_ writer: inout MessageWriter) { show(to: &writer) }

    package func write(into buffer: UnsafeMutableRawBufferPointer) {
        MessageWriter.fill(buffer) { write(&$0) }
    }

    package static func read(_ json: JSONValue) throws(ProtobufJSONError) -> Self {
        var message = Self()
        guard var reader = try MessageJSONReader(json) else { return message }
        message.visit(&reader)
        if let failure = reader.failure { throw failure }
        return message
    }

    package func writeJSON(into output: inout [UInt8]) {
        // The writer owns the array for a while: one owner, no copy.
        var writer = MessageJSONWriter()
        swap(&writer.output, &output)
        writer.open()
        show(to: &writer)
        writer.close()
        swap(&writer.output, &output)
    }
}
