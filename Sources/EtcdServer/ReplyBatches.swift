//  Replies on their way out, grouped so that each event loop is woken once per batch.

/// Collects replies per edge in the order they were made.
struct ReplyBatches {
    private var batches: [(edge: any EdgePort, replies: [EdgeReply])] = []

    var isEmpty: Bool { batches.isEmpty }

    mutating func add(_ address: ReplyAddress, _ reply: Reply) {
        add(address.edge, EdgeReply(token: address.token, reply: reply))
    }

    mutating func add(_ edge: any EdgePort, _ reply: EdgeReply) {
        // A handful of edges at most: a scan beats hashing.
        for position in batches.indices where batches[position].edge === edge {
            batches[position].replies.append(reply)
            return
        }
        batches.append((edge, [reply]))
    }

    mutating func flush(into outputs: inout [ApplyOutput]) {
        for batch in batches { outputs.append(.reply(batch.edge, batch.replies)) }
        batches.removeAll(keepingCapacity: true)
    }
}
