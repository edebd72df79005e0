//  Questions that nobody waits for any longer.

/// What `question` answers, or `nil` as soon as the present task is cancelled, whether the question
/// takes notice of that or not: a stop must not wait for members that are dead.
func unlessCancelled<Value: Sendable>(
    _ question: @escaping @Sendable () async -> Value?
) async -> Value? {
    let (answers, answer) = AsyncStream.makeStream(of: Value?.self)
    let asking = Task<Void, Never> { _ = answer.yield(await question()) }
    defer { asking.cancel() }
    return await answers.first { _ in true } ?? nil
}
