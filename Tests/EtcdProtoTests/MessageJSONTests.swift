//  The JSON form of messages, as etcd's gateway reads and writes it (spec grpc-v3 13).

import EtcdProto
import Protobuf
import RuntimeCore
import Testing

private func json<M: ProtobufMessage>(_ message: M) -> String {
    var output: [UInt8] = []
    message.writeJSON(into: &output)
    return Bytes(output).text
}

private func read<M: ProtobufMessage>(_ text: String) throws -> M {
    try M(json: try JSONValue.parse(Bytes(text)))
}

@Suite("JSON form of messages")
struct MessageJSONTests {
    @Test("every message survives a round trip through JSON")
    func roundTrips() throws {
        for type in allMessages { try check(type) }
        func check<M: ProtobufMessage>(_ type: M.Type) throws {
            var random = RandomSource(seed: 21)
            for _ in 0..<40 {
                let message = type.random(&random)
                var output: [UInt8] = []
                message.writeJSON(into: &output)
                let value = try JSONValue.parse(Bytes(output))
                #expect(try M(json: value) == message, "\(type)")
            }
        }
    }

    @Test("an answer has the proto's names, 64-bit numbers as strings, and no defaults")
    func writing() {
        let header = ResponseHeader(
            clusterID: 14_841_639_068_965_178_418, memberID: 10_276_657_743_932_975_437,
            revision: 5, raftTerm: 2)
        let headerText =
            #"{"cluster_id":"14841639068965178418","member_id":"10276657743932975437","#
            + #""revision":"5","raft_term":"2"}"#
        let keyValue = KeyValue(
            key: Bytes("foo"), createRevision: 2, modRevision: 5, version: 4, value: Bytes("bar1"))
        let response = RangeResponse(header: header, kvs: [keyValue], count: 1)
        #expect(
            json(response)
                == #"{"header":"# + headerText
                + #","kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"5","#
                + #""version":"4","value":"YmFyMQ=="}],"count":"1"}"#)
        #expect(json(RangeResponse()) == "{}")
        #expect(json(HashKVResponse(hash: 4_294_967_295)) == #"{"hash":4294967295}"#)
        #expect(
            json(AlarmResponse(alarms: [AlarmMember(memberID: 1, alarm: .nospace)]))
                == #"{"alarms":[{"memberID":"1","alarm":"NOSPACE"}]}"#)
        #expect(
            json(
                LeaseTimeToLiveResponse(id: 7, ttl: -1, grantedTTL: 10, keys: [Bytes("a"), .empty]))
                == #"{"ID":"7","TTL":"-1","grantedTTL":"10","keys":["YQ==",""]}"#)
        #expect(
            json(
                ClusterMember(
                    id: 1, name: "<b>", peerURLs: ["http://h"], clientURLs: [], isLearner: true))
                == ##"{"ID":"1","name":"\u003cb\u003e","peerURLs":["http://h"],"isLearner":true}"##
        )
    }

    @Test("what is set counts, even when it is zero: oneofs and empty messages")
    func presence() {
        #expect(json(Compare(targetUnion: .version(0))) == #"{"version":"0"}"#)
        #expect(json(RequestOp(request: .range(RangeRequest()))) == #"{"request_range":{}}"#)
        #expect(json(PutResponse(header: ResponseHeader())) == #"{"header":{}}"#)
        #expect(json(WatchResponse(events: [Event()])) == #"{"events":[{}]}"#)
    }

    @Test("an enum number without a name is written as a number")
    func unknownNumber() {
        #expect(json(AlarmRequest(action: .init(rawValue: 9))) == #"{"action":9}"#)
        #expect(
            json(WatchCreateRequest(filters: [.noput, .init(rawValue: 7)]))
                == #"{"filters":["NOPUT",7]}"#)
    }

    @Test(
        "a request is read in every form the gateway takes",
        arguments: [
            #"{"key":"YQ==","range_end":"Yg==","limit":"5","sort_order":"DESCEND"}"#,
            #"{"key":"YQ==","rangeEnd":"Yg==","limit":5,"sortOrder":2}"#,
            #"{"key":"YQ==","range_end":"eA==","rangeEnd":"Yg==","limit":5,"sort_order":2}"#,
            #"{"key":"eA==","key":"YQ==","range_end":"Yg==","limit":5,"sortOrder":2,"x":[{}]}"#,
            """
             { "sort_order" : "DESCEND" , "limit":5, "revision":null, "serializable":false,
               "range_end":"Yg==" , "key":"YQ=\\n=" } 
            """,
        ])
    func reading(_ text: String) throws {
        let expected = RangeRequest(
            key: Bytes("a"), rangeEnd: Bytes("b"), limit: 5, sortOrder: .descend)
        #expect(try read(text) == expected)
    }

    @Test("names are those of the proto or its lowerCamelCase, and no others")
    func names() throws {
        let grant = LeaseGrantRequest(ttl: 5, id: 9)
        #expect(try read(#"{"TTL":5,"ID":"9"}"#) == grant)
        #expect(try read(#"{"ttl":5,"id":"9"}"#) == LeaseGrantRequest())
        let checkpoint = LeaseCheckpoint(id: 1, remainingTTL: 3)
        #expect(try read(#"{"ID":1,"remainingTTL":3}"#) == checkpoint)
        #expect(try read(#"{"ID":1,"remaining_TTL":3}"#) == checkpoint)
        #expect(try read(#"{"ID":1,"remainingTtl":3}"#) == LeaseCheckpoint(id: 1))
        #expect(
            try read(#"{"peerURLs":["a"],"isLearner":true}"#)
                == MemberAddRequest(peerURLs: ["a"], isLearner: true))
        #expect(
            try read(#"{"header":{"clusterId":"3"}}"#)
                == PutResponse(header: ResponseHeader(clusterID: 3)))
        #expect(try read(#"{"cluster_id_":"3","clusterid":4,"clusterI":1}"#) == ResponseHeader())
    }

    @Test("a transaction with a nested one is read")
    func transaction() throws {
        let text = """
            {"compare":[{"result":"GREATER","target":"CREATE","key":"YQ==","createRevision":"0"}],
             "success":[{"requestPut":{"key":"YQ==","value":"+/8="}},
                        {"request_txn":{"failure":[{"request_delete_range":{"key":"Yg=="}}]}}],
             "failure":null}
            """
        let nested = TxnRequest(
            failure: [RequestOp(request: .deleteRange(DeleteRangeRequest(key: Bytes("b"))))])
        let expected = TxnRequest(
            compare: [
                Compare(
                    result: .greater, target: .create, key: Bytes("a"),
                    targetUnion: .createRevision(0))
            ],
            success: [
                RequestOp(
                    request: .put(PutRequest(key: Bytes("a"), value: Bytes([0xFB, 0xFF])))),
                RequestOp(request: .txn(nested)),
            ])
        #expect(try read(text) == expected)
    }

    @Test("null is the default everywhere: the document, a message, an element of a list")
    func nulls() throws {
        #expect(try read("null") == PutRequest())
        #expect(try read(#"{"header":null}"#) == PutResponse())
        #expect(
            try read(#"{"keys":["YQ==",null]}"#)
                == LeaseTimeToLiveResponse(keys: [Bytes("a"), .empty]))
        #expect(
            try read(#"{"filters":[null,"NODELETE",0]}"#)
                == WatchCreateRequest(filters: [.noput, .nodelete, .noput]))
        #expect(try read(#"{"success":[null]}"#) == TxnRequest(success: [RequestOp()]))
    }

    @Test(
        "numbers are whole and fit",
        arguments: [
            ("9223372036854775807", Int64.max), ("\"-9223372036854775808\"", Int64.min),
            ("0", 0), ("-0", 0), ("\"12\"", 12),
        ])
    func numbers(_ text: String, _ value: Int64) throws {
        #expect(try read(#"{"limit":\#(text)}"#) == RangeRequest(limit: value))
    }

    /// What etcd 3.5.1's gateway was seen to answer.
    @Test(
        "what does not fit is an error in Go's words",
        arguments: [
            (
                #"[]"#,
                "json: cannot unmarshal array into Go value of type map[string]json.RawMessage"
            ),
            (
                #"{"compare":{}}"#,
                "json: cannot unmarshal object into Go value of type []json.RawMessage"
            ),
            (
                #"{"compare":[5]}"#,
                "json: cannot unmarshal number into Go value of type map[string]json.RawMessage"
            ),
            (
                #"{"success":[{},{"request_put":{"key":5}}]}"#,
                "json: cannot unmarshal number into Go value of type []uint8"
            ),
            (
                #"{"success":[{"request_put":{"key":["a"]}}]}"#,
                "json: cannot unmarshal string into Go value of type uint8"
            ),
            (
                #"{"success":[{"request_put":{"key":"Y"}}]}"#,
                "illegal base64 data at input byte 0"
            ),
            (
                #"{"compare":[{"version":1.5}]}"#,
                "json: cannot unmarshal number 1.5 into Go value of type int64"
            ),
            (
                #"{"compare":[{"version":"1e3"}]}"#,
                "json: cannot unmarshal number 1e3 into Go value of type int64"
            ),
            (
                #"{"compare":[{"version":"9223372036854775808"}]}"#,
                "json: cannot unmarshal number 9223372036854775808 into Go value of type int64"
            ),
            (
                #"{"compare":[{"lease":true}]}"#,
                "json: cannot unmarshal bool into Go value of type int64"
            ),
            (
                #"{"compare":[{"lease":"{}"}]}"#,
                "json: cannot unmarshal object into Go value of type int64"
            ),
            (#"{"compare":[{"lease":""}]}"#, "unexpected end of JSON input"),
            (
                #"{"compare":[{"lease":"+5"}]}"#,
                "invalid character '+' looking for beginning of value"
            ),
            (#"{"compare":[{"lease":"05"}]}"#, "invalid character '5' after top-level value"),
            (
                #"{"compare":[{"result":"equal"}]}"#,
                #"unknown value "\"equal\"" for enum etcdserverpb.Compare.CompareResult"#
            ),
            (
                #"{"compare":[{"result":"a\"b"}]}"#,
                #"unknown value "\"a\\\"b\"" for enum etcdserverpb.Compare.CompareResult"#
            ),
            (
                #"{"compare":[{"result":[]}]}"#,
                "json: cannot unmarshal array into Go value of type protoreflect.EnumNumber"
            ),
            (
                #"{"compare":[{"result":99999999999}]}"#,
                "json: cannot unmarshal number 99999999999 into Go value of type "
                    + "protoreflect.EnumNumber"
            ),
            (
                #"{"success":[{"request_range":{"serializable":"true"}}]}"#,
                "json: cannot unmarshal string into Go value of type bool"
            ),
        ])
    func refused(_ text: String, _ message: String) throws {
        do {
            let request: TxnRequest = try read(text)
            Issue.record("read as \(request)")
        } catch let error as ProtobufJSONError {
            #expect(error.description == message)
        }
    }

    @Test("unsigned numbers are not negative, text is text")
    func otherScalars() throws {
        #expect(
            throws: ProtobufJSONError(
                "json: cannot unmarshal number -1 into Go value of type uint64")
        ) {
            let _: MemberRemoveRequest = try read(#"{"ID":-1}"#)
        }
        #expect(throws: ProtobufJSONError.self) {
            let _: HashResponse = try read(#"{"hash":4294967296}"#)
        }
        #expect(
            throws: ProtobufJSONError(
                "json: cannot unmarshal number into Go value of type string")
        ) {
            let _: AuthRoleAddRequest = try read(#"{"name":5}"#)
        }
        #expect(try read(#"{"name":"\u0041é"}"#) == AuthRoleAddRequest(name: "Aé"))
    }

    @Test(
        "numbers may stand in a string, bytes in an array",
        arguments: [
            (#"{"limit":" 5 "}"#, RangeRequest(limit: 5)), (#"{"limit":"null"}"#, RangeRequest()),
            (#"{"key":[97,null,255]}"#, RangeRequest(key: [97, 0, 255])),
            (#"{"key":"Zg=\n="}"#, RangeRequest(key: Bytes("f"))),
        ])
    func lenient(_ text: String, _ request: RangeRequest) throws {
        #expect(try read(text) == request)
    }

    @Test(
        "where base64 stops to be that",
        arguments: [
            ("Zg==", nil), ("Zm9v", nil), ("+/8=", nil), ("", nil), ("Zg\n==\r\n", nil),
            ("Zg", 0), ("Zg=", 3), ("Zm8", 0), ("Zm9vYg", 4), ("Zm9vYg=", 7), ("-_8=", 0),
            ("Z", 0), ("Zg==Zg==", 4), ("Zg=a", 2), ("Zg==x", 4), ("Zm9v!", 4), ("Zm9v=", 4),
            ("Zm9vZ===", 5), ("====", 0), ("Zm9v Zm9v", 4), ("Zg==\n!", 5), ("Z=", 1),
            ("Zm8==", 4),
        ] as [(String, Int?)])
    func base64Flaws(_ text: String, _ flaw: Int?) {
        #expect(ProtobufJSON.base64Flaw(of: Bytes(text)) == flaw)
        if flaw == nil { #expect(ProtobufJSON.readBase64(Bytes(text)) != nil) }
    }

    @Test("base64 of every length, and nothing that is not base64")
    func base64() {
        let samples = [
            "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==",
            "fooba": "Zm9vYmE=", "foobar": "Zm9vYmFy",
        ]
        for (plain, coded) in samples {
            var output: [UInt8] = []
            ProtobufJSON.writeBase64(Bytes(plain), into: &output)
            #expect(Bytes(output).text == "\"\(coded)\"")
            #expect(ProtobufJSON.readBase64(Bytes(coded)) == Bytes(plain))
            #expect(ProtobufJSON.readBase64(Bytes(coded.filter { $0 != "=" })) == Bytes(plain))
        }
        #expect(ProtobufJSON.readBase64(Bytes("-_+/")) == Bytes([0xFB, 0xFF, 0xBF]))
        for wrong in [
            "Z", "Zg=", "Zg===", "Zm8==", "=", "====", "Zg==Zg==", "Z g=", "Zm9*", "Zm9vé",
        ] {
            #expect(ProtobufJSON.readBase64(Bytes(wrong)) == nil, "\(wrong)")
        }
    }
}
