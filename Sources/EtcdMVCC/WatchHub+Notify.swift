//  One write on its way to the watchers of the present.

extension WatchHub {
    /// Tells the synced watchers of a write: `events` are all events of `revision`, in order.
    package func notify(revision: Int64, _ events: [StoreEvent]) {
        precondition(revision > self.revision, "a revision comes once and in order")
        self.revision = revision
        if events.count == 1 {
            notify(events[0])
        } else {
            notifySeveral(events)
        }
    }

    private func notify(_ event: StoreEvent) {
        var encoder = EventEncoder(event)
        group.forEachPlace(containing: event.key) { place in
            for number in group.places[Int(place)].members where takes(Int(number), event) {
                let needsPrevious = watchers[Int(number)].options.contains(.previous)
                send(
                    encoder.encoded(previousFrom: needsPrevious ? history : nil),
                    to: Int(number))
            }
        }
    }

    @inline(__always)
    private func takes(_ number: Int, _ event: StoreEvent) -> Bool {
        watchers[number].pace == .synced && watchers[number].next <= revision
            && watchers[number].options.wants(event)
    }

    /// Finds out for each place which events lie there, then for each kind of watcher there what
    /// it gets.
    private func notifySeveral(_ events: [StoreEvent]) {
        var encoder = RevisionEncoder(events)
        var touched: [Int32] = []
        for (position, event) in events.enumerated() {
            var hits: [Int32] = []
            group.forEachPlace(containing: event.key) { hits.append($0) }
            for place in hits {
                if group.places[Int(place)].hits.isEmpty { touched.append(place) }
                group.addHit(Int32(position), at: place)
            }
        }
        for place in touched {
            let hits = group.takeHits(at: place)
            deliver(hits, of: &encoder, to: group.places[Int(place)].members)
        }
    }

    private func deliver(
        _ hits: [Int32], of encoder: inout RevisionEncoder, to members: [Int32]
    ) {
        // One entry for each combination of options; outer nil: not made yet, inner: nothing left.
        var made = [EncodedEvents??](
            repeating: nil, count: Int(Watcher.Options.content.rawValue) + 1)
        for member in members {
            let number = Int(member)
            guard watchers[number].pace == .synced, watchers[number].next <= revision
            else { continue }
            let options = watchers[number].options.intersection(.content)
            let events: EncodedEvents?
            if let known = made[Int(options.rawValue)] {
                events = known
            } else {
                let wanted = hits.filter { options.wants(encoder[$0]) }
                events =
                    wanted.isEmpty
                    ? nil
                    : encoder.encoded(
                        wanted, previousFrom: options.contains(.previous) ? history : nil)
                made[Int(options.rawValue)] = .some(events)
            }
            if let events { send(events, to: number) }
        }
    }

    /// Puts events of the present revision into the outbox of a synced watcher; when it is full,
    /// the watcher remembers the revision and reads it from history later.
    @inline(__always)
    private func send(_ events: EncodedEvents, to number: Int) {
        let isTaken = offer(events, to: number, revision: revision)
        if !isTaken {
            watchers[number].next = revision
            slowCount += 1
            stall(Int32(number))
        }
    }

    @inline(__always)
    func offer(_ events: EncodedEvents, to number: Int, revision: Int64) -> Bool {
        let count = events.count
        let isTaken = watchers[number].outbox.offer(
            .events(
                id: watchers[number].id, revision: revision,
                mayFragment: watchers[number].options.contains(.fragments), events),
            events: count, bytes: events.byteCount)
        guard isTaken else { return false }
        watchers[number].isQuiet = false
        eventsSent &+= UInt64(count)
        markDirty(watchers[number].stream)
        return true
    }

    /// The watcher waits for its outbox; it is counted as slow already.
    func stall(_ number: Int32) {
        watchers[Int(number)].pace = .stalled
        streams[Int(watchers[Int(number)].stream)].stalled.append(reference(to: number))
    }
}
