//  Another program for a small task.

import CLinux
import Glibc

package enum ChildProcess {
    /// Runs a program to its end. It gets the standard streams and no other file of this process:
    /// sockets, not all of which close themselves, would stay open as long as it runs.
    ///
    /// - Parameter words: the program's path, and its arguments.
    /// - Returns: the exit code; `nil` when the program could not be run or a signal ended it.
    @discardableResult
    package static func run(_ words: [String]) -> Int32? {
        var actions = posix_spawn_file_actions_t()
        guard posix_spawn_file_actions_init(&actions) == 0 else { return nil }
        defer { posix_spawn_file_actions_destroy(&actions) }
        guard posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1) == 0 else {
            return nil
        }
        var pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var child: pid_t = 0
        guard posix_spawn(&child, words[0], &actions, nil, &pointers, environ) == 0 else {
            return nil
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { return nil }
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : nil
    }
}
