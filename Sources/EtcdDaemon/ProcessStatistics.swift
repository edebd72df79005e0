//  What the operating system knows of this process: descriptors, memory, time.

import EtcdServer
import Glibc

/// Open files: how many are allowed and used.
enum FileDescriptors {
    /// Raises the soft limit to the hard one, because every connection needs a descriptor.
    static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    static var limit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }

    static var used: Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // The two dots and the directory itself.
        return max(0, count - 3)
    }
}

/// The fields of `/proc/self/stat` that monitoring asks for.
struct ProcessStatistics {
    var cpuSeconds = 0.0
    var startSeconds = 0.0
    var virtualBytes = 0.0
    var residentBytes = 0.0

    init() {
        guard let text = Self.read("/proc/self/stat"), let end = text.lastIndex(of: ")") else {
            return
        }
        // Fields are counted from the one after the name, which is field 3 of proc(5).
        let fields = text[text.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
        guard fields.count > 21 else { return }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        cpuSeconds = (fields[11] + fields[12]) / ticks
        virtualBytes = fields[20]
        residentBytes = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
        startSeconds = Self.bootTime + fields[19] / ticks
    }

    private static var bootTime: Double {
        let lines = read("/proc/stat")?.split(separator: "\n") ?? []
        let line = lines.first { $0.hasPrefix("btime ") }
        return line.flatMap { Double($0.dropFirst(6)) } ?? 0
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count <= 0 { break }
            content += buffer[..<count]
        }
        return String(decoding: content, as: UTF8.self)
    }

    /// The `process_` and `os_` families of the metrics page.
    static func write(into text: inout MetricsText) {
        let now = ProcessStatistics()
        let used = Double(FileDescriptors.used)
        let limit = Double(FileDescriptors.limit)
        text.gauge("os_fd_limit", "The file descriptor limit.", limit)
        text.gauge("os_fd_used", "The number of used file descriptors.", used)
        text.family(
            "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
            type: "counter", [("", now.cpuSeconds)])
        text.gauge("process_max_fds", "Maximum number of open file descriptors.", limit)
        text.gauge("process_open_fds", "Number of open file descriptors.", used)
        text.gauge(
            "process_resident_memory_bytes", "Resident memory size in bytes.", now.residentBytes)
        text.gauge(
            "process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
            now.startSeconds)
        text.gauge(
            "process_virtual_memory_bytes", "Virtual memory size in bytes.", now.virtualBytes)
    }
}
