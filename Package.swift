// swift-tools-version: 6.2
//  One manifest: a table of targets by level. A target imports only levels below its own
//  (Sources/README.md); scripts/lint.sh holds the imports against this order.

import PackageDescription

/// Whether the fuzzers are built (scripts/fuzz.sh); otherwise their seeds are a test.
let fuzzes = Context.environment["ETCD_SWIFT_FUZZ"] != nil
let fuzzing: [SwiftSetting] = fuzzes ? [.unsafeFlags(["-sanitize=fuzzer", "-O"])] : []

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
    // What SwiftPM does by itself leaves out whatever is `package`: 10 to 15 % of a put.
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil,
    exclude: [String] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", exclude: exclude,
        swiftSettings: settings + fuzzing)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude,
        swiftSettings: settings)
}

let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]
let webSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let tls: [Target.Dependency] = [
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOTLS", package: "swift-nio"),
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
    .product(name: "Crypto", package: "swift-crypto"),
]
let nioTesting = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "etcd-swift",
    products: [.executable(name: "etcd-swift", targets: ["etcd-swift"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Level 0: the seams.
        module("RuntimeCore"),
        // Level 1: know nothing of etcd.
        module("Raft", ["RuntimeCore"]),
        module("Bolt", ["RuntimeCore"]),
        module("Protobuf", ["RuntimeCore"]),
        module(
            "RuntimePosix",
            ["RuntimeCore", "CLinux", .product(name: "SystemPackage", package: "swift-system")]),
        // Level 2: etcd's bytes.
        module("EtcdProto", ["Protobuf", "Raft", "RuntimeCore"]),
        module("EtcdBackend", ["Bolt", "RuntimeCore"]),
        // Level 3: the stores.
        module("EtcdWAL", ["EtcdProto", "Raft", "RuntimeCore"]),
        module("EtcdMVCC", ["EtcdBackend", "EtcdProto", "Protobuf", "RuntimeCore", deque, heap]),
        module("EtcdLease", ["EtcdBackend", "EtcdProto", "Protobuf", "RuntimeCore", heap]),
        module(
            "EtcdAuth",
            [
                "CCrypt", "EtcdBackend", "EtcdProto", "Protobuf", "RuntimeCore",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ]),
        module("EtcdV2Store", ["RuntimeCore"]),
        module(
            "EtcdMembership",
            [
                "EtcdProto", "Protobuf", "Raft", "RuntimeCore",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        // Level 4: one replica; the wire; the settings.
        module(
            "EtcdServer",
            [
                "Bolt", "EtcdAuth", "EtcdBackend", "EtcdLease", "EtcdMVCC", "EtcdMembership",
                "EtcdProto", "EtcdV2Store", "EtcdWAL", "Protobuf", "Raft", "RuntimeCore", deque,
                logging,
            ]),
        module(
            "EtcdNet",
            ["RuntimeCore", "RuntimePosix", "CNGHTTP2", deque, webSocket] + nio + tls),
        module("EtcdConfig", ["RuntimeCore", .product(name: "Yams", package: "Yams")]),
        // Level 5: peers; where replies meet the requests that wait.
        module(
            "EtcdTransport",
            ["EtcdMembership", "EtcdNet", "EtcdProto", "Protobuf", "Raft", "RuntimeCore", logging]
                + nio),
        module("EtcdEdge", ["EtcdServer"] + nio),
        module("EtcdClient", ["EtcdNet", "EtcdProto", "RuntimeCore"] + nio),
        // Level 6: the front ends.
        module(
            "EtcdGRPC",
            [
                "EtcdBackend", "EtcdEdge", "EtcdMVCC", "EtcdMembership", "EtcdNet", "EtcdProto",
                "EtcdServer", "Protobuf", "Raft", "RuntimeCore", logging,
                .product(name: "Crypto", package: "swift-crypto"),
            ] + nio),
        module(
            "EtcdHTTP",
            [
                "EtcdAuth", "EtcdEdge", "EtcdMembership", "EtcdNet", "EtcdProto", "EtcdServer",
                "EtcdV2Store", "Protobuf", "Raft", "RuntimeCore", logging,
                .product(name: "Crypto", package: "swift-crypto"),
            ] + nio),
        module(
            "EtcdDiscovery",
            [
                "CResolver", "EtcdClient", "EtcdConfig", "EtcdNet", "EtcdProto", "Protobuf",
                "RuntimeCore", logging,
            ] + nio),
        module(
            "EtcdProxy",
            [
                "EtcdConfig", "EtcdMembership", "EtcdNet", "EtcdServer", "Protobuf", "RuntimeCore",
                logging,
            ] + nio),
        // Level 7: the composition root.
        module(
            "EtcdDaemon",
            [
                "CSystemd", "EtcdAuth", "EtcdBackend", "EtcdClient", "EtcdConfig", "EtcdDiscovery",
                "EtcdEdge", "EtcdGRPC", "EtcdHTTP", "EtcdProxy",
                "EtcdMVCC", "EtcdMembership", "EtcdNet", "EtcdProto", "EtcdServer", "EtcdTransport",
                "EtcdV2Store", "EtcdWAL", "Protobuf", "Raft", "RuntimeCore", "RuntimePosix",
                logging,
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ] + nio),
        // Level 7 as well: the tools for data at rest.
        module(
            "EtcdTools",
            [
                "EtcdBackend", "EtcdClient", "EtcdConfig", "EtcdMVCC", "EtcdMembership", "EtcdNet",
                "EtcdProto", "EtcdServer", "EtcdWAL", "Protobuf", "Raft", "RuntimeCore",
                "RuntimePosix", .product(name: "Crypto", package: "swift-crypto"),
            ] + nio),
        // Level 8: the program.
        .executableTarget(
            name: "etcd-swift", dependencies: ["EtcdDaemon", "EtcdDiscovery", "EtcdTools"],
            swiftSettings: settings),
        // Linux, and Debian's C libraries.
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CResolver"),
        .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(
            name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(
            name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        // Test support.
        module("Scenario", path: "Tests/Scenario"),
        module(
            "Simulator",
            [
                "EtcdAuth", "EtcdBackend", "EtcdMVCC", "EtcdMembership", "EtcdProto", "EtcdServer",
                "EtcdV2Store", "EtcdWAL", "Raft", "RuntimeCore", heap, logging,
            ],
            path: "Tests/Simulator"),
        module(
            "LoneMember",
            [
                "EtcdEdge", "EtcdMembership", "EtcdProto", "EtcdServer", "Raft", "RuntimeCore",
                "Simulator", nioTesting, logging,
            ],
            path: "Tests/LoneMember"),
        .executableTarget(
            name: "etcd-sim", dependencies: ["Simulator"], path: "Tests/SimulatorRunner",
            swiftSettings: settings),
        .executableTarget(
            name: "load-generator", path: "Tests/LoadGenerator", swiftSettings: settings),
        // Tests.
        tests("RuntimeTests", ["RuntimeCore", "RuntimePosix"]),
        tests(
            "EtcdDaemonTests",
            [
                "EtcdConfig", "EtcdDaemon", "EtcdEdge", "EtcdMembership", "EtcdNet", "EtcdProto",
                "EtcdServer", "EtcdTransport", "Raft", "RuntimeCore", "RuntimePosix", "Simulator",
                nioTesting, logging,
            ] + nio),
        tests("RaftTests", ["Raft", "RuntimeCore", "Scenario"], exclude: ["testdata"]),
        tests(
            "BoltTests", ["Bolt", "RuntimeCore", "RuntimePosix", "Scenario"], exclude: ["testdata"]),
        tests("EtcdBackendTests", ["Bolt", "EtcdBackend", "RuntimeCore", "RuntimePosix"]),
        tests(
            "EtcdMVCCTests",
            [
                "EtcdBackend", "EtcdMVCC", "EtcdProto", "Protobuf", "RuntimeCore", "RuntimePosix",
                "Scenario",
            ],
            exclude: ["testdata"]),
        tests(
            "EtcdLeaseTests",
            ["EtcdBackend", "EtcdLease", "EtcdProto", "RuntimeCore", "RuntimePosix"]),
        tests(
            "EtcdAuthTests",
            [
                "EtcdAuth", "EtcdBackend", "EtcdProto", "RuntimeCore", "RuntimePosix",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        tests("EtcdProtoTests", ["EtcdProto", "Protobuf", "Raft", "RuntimeCore"]),
        tests(
            "EtcdWALTests",
            ["EtcdWAL", "EtcdProto", "Raft", "RuntimeCore", "RuntimePosix", "Scenario"],
            exclude: ["testdata"]),
        tests(
            "EtcdV2StoreTests", ["EtcdV2Store", "RuntimeCore", "Scenario"], exclude: ["testdata"]),
        tests("EtcdMembershipTests", ["EtcdMembership", "EtcdProto", "Raft", "RuntimeCore"]),
        tests(
            "EtcdServerTests",
            [
                "EtcdAuth", "EtcdBackend", "EtcdLease", "EtcdMVCC", "EtcdMembership", "EtcdProto",
                "EtcdServer", "EtcdV2Store", "EtcdWAL", "Raft", "RuntimeCore", "Simulator", logging,
            ]),
        tests("EtcdNetTests", ["CNGHTTP2", "EtcdNet", "RuntimeCore", nioTesting] + nio + tls),
        tests(
            "EtcdTransportTests",
            [
                "EtcdMembership", "EtcdNet", "EtcdProto", "EtcdTransport", "Raft", "RuntimeCore",
                nioTesting, logging,
            ] + nio),
        tests(
            "EtcdGRPCTests",
            [
                "CNGHTTP2", "EtcdEdge", "EtcdGRPC", "EtcdMembership", "EtcdNet", "EtcdProto",
                "EtcdServer", "LoneMember",
                "Protobuf", "Raft", "RuntimeCore", "Simulator", nioTesting, logging,
            ] + nio),
        tests(
            "EtcdHTTPTests",
            [
                "EtcdAuth", "EtcdEdge", "EtcdHTTP", "EtcdMembership", "EtcdNet", "EtcdProto",
                "EtcdServer", "EtcdV2Store", "Protobuf", "Raft", "RuntimeCore", "Simulator",
                nioTesting, logging,
            ] + nio),
        tests("EtcdClientTests", ["EtcdClient", "EtcdNet", "EtcdProto", "RuntimeCore"] + nio),
        tests(
            "EtcdDiscoveryTests",
            [
                "EtcdClient", "EtcdConfig", "EtcdDiscovery", "EtcdNet", "EtcdProto", "RuntimeCore",
                logging,
            ] + nio),
        tests(
            "EtcdProxyTests",
            [
                "EtcdConfig", "EtcdMembership", "EtcdNet", "EtcdProxy", "EtcdServer", "Raft",
                "RuntimeCore", "RuntimePosix", nioTesting, logging,
            ] + nio),
        tests("EtcdConfigTests", ["EtcdConfig", "RuntimeCore"]),
        tests(
            "EtcdToolsTests",
            [
                "EtcdBackend", "EtcdMVCC", "EtcdMembership", "EtcdProto", "EtcdServer",
                "EtcdTools", "EtcdWAL", "Raft", "RuntimeCore", "RuntimePosix",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        tests("SimulationTests", ["Simulator", "RuntimeCore"]),
    ]
)

let fuzzed: [Target.Dependency] =
    [
        "EtcdAuth", "EtcdEdge", "EtcdGRPC", "EtcdHTTP", "EtcdMembership", "EtcdNet", "EtcdProto",
        "EtcdServer", "EtcdTransport", "LoneMember", "Protobuf", "Raft", "RuntimeCore", "Simulator",
        nioTesting,
    ] + nio
if fuzzes {
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/CFuzzer"),
        .executableTarget(
            name: "Fuzzers", dependencies: ["CFuzzer"] + fuzzed, path: "Tests/Fuzzers",
            exclude: ["SeedTests.swift", "seeds"], swiftSettings: settings + fuzzing,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ]
} else {
    package.targets.append(tests("Fuzzers", fuzzed, exclude: ["FuzzerMain.swift", "seeds"]))
}
