//  Metadata of log lines that the log's handler treats apart.

package enum LogField {
    /// The part of the member that speaks; stands before the text (`logger` in etcd's lines).
    package static let logger = "logger"
}
